"""How long a new process takes to the first text, and to its end: `python -m benchmarks.start_up`.

Kikitori's command line and a program that calls the unchanged qwen-asr transcribe the same example with the tiny
checkpoint. They run in turns, each run in a process of its own; figures are medians of the rounds. The first round
does not count: it reads their files from the disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.peers import check_quiet
from benchmarks.weights import in_turns, table
from kikitori.tasks import TINY, get_task

ROOT = Path(__file__).parents[1]
CLIP, DIRECTION = ROOT / "examples" / "english_travel.flac", "en2ja"
WITH_QWEN_ASR = """
import sys
from functools import partial
import torch
from qwen_asr import Qwen3ASRModel
folder, clip, language = sys.argv[1:]
model = Qwen3ASRModel.from_pretrained(folder, dtype=torch.float32, device_map="cpu")
# By itself it takes the tokens that end a text from the real checkpoints' vocabulary.
ends = model.processor.tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
model.model.generate = partial(model.model.generate, eos_token_id=ends)
print(model.transcribe(audio=clip, language=language)[0].text)
"""
COMMANDS = {
    "qwen-asr": ["-c", WITH_QWEN_ASR, str(TINY.folder), str(CLIP), get_task(DIRECTION).language],
    "Kikitori": [str(ROOT / "inference.py"), str(CLIP), "--direction", DIRECTION, "--checkpoint", "tiny"],
}
ROWS = {"first": ("first text, s", ".2f"), "end": ("end of the process, s", ".2f")}
"""Key of a run's record -> the row's label and the form of its figures."""


def run(arguments: list[str]) -> dict[str, float]:
    """Run Python with arguments. Returns the seconds to the first line and to the end: the keys of ROWS.

    Raises SystemExit if what it prints is not the clip's translation.
    """
    expected = json.loads(CLIP.with_name("references.json").read_text(encoding="utf-8"))[CLIP.name]["reference"]
    start = time.perf_counter()
    command = [sys.executable, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8") as process:
        printed = process.stdout.readline()
        first = time.perf_counter() - start
        printed += process.stdout.read()
        process.wait()
    end = time.perf_counter() - start
    if printed.strip() != expected:
        raise SystemExit(f"{printed.strip()!r} was printed, not {expected!r}")
    return {"first": first, "end": end}


def main(argv: list[str] | None = None) -> int:
    """Print the table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.start_up", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--once", choices=COMMANDS, help="one run; print it as JSON")
    options = parser.parse_args(argv)
    if options.once:
        print(json.dumps(run(COMMANDS[options.once])))
        return 0
    columns = {name: ["benchmarks.start_up", "--once", name] for name in COMMANDS}
    in_turns(columns, rounds=1)
    check_quiet()
    medians = in_turns(columns, options.rounds)
    stock, ours = medians.values()
    for line in table(medians | {"ratio": {key: stock[key] / ours[key] for key in ROWS}}, ROWS):
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
