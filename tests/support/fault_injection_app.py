"""app.py in a tester's hands: `python -m tests.support.fault_injection_app FOLDER`, then app.py's options.

While FOLDER holds a file `hold`, the model waits, and says so by a file `waiting`. A file `raise` holds the name of the
exception that the next call raises, in FAULTS or REFUSALS. A file `hours pass` makes every upload an old one. Uploads
of over a megabyte are too large.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import app  # isort: skip, before torch, which it patches on ZeroGPU
import gradio as gr
import torch
from gradio import route_utils

from kikitori.page import jobs

FAULTS = {
    "memory": torch.OutOfMemoryError("CUDA out of memory"),
    "host memory": MemoryError(),
    "driver": RuntimeError("CUDA error: an illegal memory access, beside confidential words"),
    "bug": KeyError("confidential words"),
}
REFUSALS = {"gpu": gr.Error("GPU task aborted", print_exception=False)}
"""As ZeroGPU says them to the visitor."""


def main(folder: Path, *options: str) -> int:
    """Serve the page."""
    run_model = jobs.run_model

    def controlled(*arguments):
        while (folder / "hold").exists():
            (folder / "waiting").touch()
            time.sleep(0.01)
        if (folder / "raise").exists():
            name = (folder / "raise").read_text()
            (folder / "raise").unlink()
            raise (FAULTS | REFUSALS)[name]
        return run_model(*arguments)

    jobs.run_model = controlled
    app.MAX_UPLOAD = "1mb"
    app.LOOK_EVERY_SECONDS = 1
    delete = route_utils.delete_files_created_by_app
    route_utils.delete_files_created_by_app = lambda blocks, age: delete(
        blocks, 0 if (folder / "hours pass").exists() else age
    )
    return app.main(list(options))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), *sys.argv[2:]))
