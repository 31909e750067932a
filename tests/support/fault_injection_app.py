"""The page with faults on demand: `python -m tests.support.fault_injection_app FOLDER`, then the page's options.

While FOLDER holds a file `hold`, the model waits, and creates a file `waiting`. A file `raise` holds the name of the
exception that the next request to the GPU raises, a key of FAULTS or REFUSALS. A file `hours pass` makes every upload
an old one. Uploads of more than a megabyte are too large.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import spaces  # noqa: F401, isort: skip, before torch, which it patches on ZeroGPU
import gradio as gr
import torch
from gradio import route_utils

from kikitori.engines import zero_gpu
from kikitori.errors import CheckpointError
from kikitori.page import app, tabs

FAULTS = {
    "memory": torch.OutOfMemoryError("CUDA out of memory"),
    "host memory": MemoryError(),
    "driver": RuntimeError("CUDA error: an illegal memory access, beside confidential words"),
    "bug": KeyError("confidential words"),
    "checkpoint": CheckpointError("checkpoint_missing", folder="/confidential"),
}
REFUSALS = {"gpu": gr.Error("GPU task aborted", print_exception=False)}
"""Errors of ZeroGPU, which the visitor sees as they are."""


def main(folder: Path, *options: str) -> int:
    """Serve the page."""
    run_on_gpu = zero_gpu.run_on_gpu

    def controlled(*arguments):
        while (folder / "hold").exists():
            (folder / "waiting").touch()
            time.sleep(0.01)
        if (folder / "raise").exists():
            name = (folder / "raise").read_text()
            (folder / "raise").unlink()
            raise (FAULTS | REFUSALS)[name]
        return run_on_gpu(*arguments)

    zero_gpu.run_on_gpu = controlled
    app.MAX_UPLOAD = "1mb"
    tabs.LOOK_EVERY_SECONDS = 1
    delete = route_utils.delete_files_created_by_app
    route_utils.delete_files_created_by_app = lambda blocks, age: delete(
        blocks, 0 if (folder / "hours pass").exists() else age
    )
    return app.main(["--no-language-check", *options])  # it would be the first request to the GPU


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), *sys.argv[2:]))
