"""`kikitori quantise`: write a checkpoint whose decoder takes 8 or 4 bits per weight."""

from __future__ import annotations

import sys
from pathlib import Path

import kikitori
from kikitori.cli.interrupts import sigterm_interrupts
from kikitori.cli.parser import Parser
from kikitori.errors import exit_code_of
from kikitori.strings import displayed
from kikitori.tasks import FORMATS, TINY, Checkpoint


def main(argv: list[str]) -> int:
    """Write the folder. Returns an exit code."""
    parser = Parser(
        prog="kikitori quantise",
        description="Write a checkpoint with quantised weights, which loads faster than it is made. Use it with "
        "--checkpoint; it is computed on a CPU.",
    )
    parser.add_argument("folder", help="the checkpoint's folder, or `tiny`")
    parser.add_argument("out", type=Path, help="the new folder")
    parser.add_argument("--weights", choices=FORMATS, default="int8", help="bits per weight (default: %(default)s)")
    options = parser.parse_args(argv)
    folder = TINY.folder if options.folder == "tiny" else Path(options.folder).expanduser()
    with sigterm_interrupts():
        return exit_code_of(lambda: _quantise(Checkpoint(folder=folder), options.out, options.weights))


def _quantise(checkpoint: Checkpoint, out: Path, weights: str) -> None:
    from kikitori.model.checkpoints import checkpoint_folder, damage_named
    from kikitori.model.quantised_checkpoint import quantise_folder

    folder = checkpoint_folder(checkpoint)
    with damage_named(checkpoint, folder):
        quantise_folder(folder, out, weights, f"kikitori {kikitori.__version__}")
    print(f"written: {displayed(str(out))}", file=sys.stderr)
