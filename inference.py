"""Transcribe from a shell or a program, in a clone or on a Space: the same as the package kikitori.

python inference.py audio.wav --direction en2ja

from inference import load_model, transcribe
transcript = transcribe(load_model("en2ja"), "audio.wav")
"""

from kikitori import *  # noqa: F403
from kikitori import __all__, __version__  # noqa: F401
from kikitori.cli.run import main

if __name__ == "__main__":
    raise SystemExit(main())
