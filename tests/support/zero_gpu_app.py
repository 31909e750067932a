"""The page as on a ZeroGPU Space, without a GPU: `python -m tests.support.zero_gpu_app FOLDER`, then its options.

The library `spaces` runs as it does there: it packs what was placed on its imitation of CUDA, schedules each request,
forks workers and returns what they yield. Two parts are replaced: the service that lends GPUs, which here writes its
requests to FOLDER/asked as JSON lines; and the loading of packed weights, which here stay on the CPU.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

FOLDER = Path(sys.argv[1])
SPENT = "spent"
"""The token of a visitor whose quota is used up."""
LENT = {"idle": False, "nvidiaIndex": 0, "nvidiaUUID": "GPU-0", "allowToken": "token"}
LEFT = {"left": 3, "wait": 3600}


class Lender(BaseHTTPRequestHandler):
    """Lends the same GPU to every request, each time in a new worker; nothing to a visitor whose quota is used up."""

    def do_POST(self) -> None:
        """Answer as the service does."""
        asked = urlsplit(self.path)
        with (FOLDER / "asked").open("a") as file:
            file.write(json.dumps({"what": asked.path, **dict(parse_qsl(asked.query))}) + "\n")
        is_spent = dict(parse_qsl(asked.query)).get("token") == SPENT
        answer = json.dumps(LEFT if is_spent else LENT if asked.path == "/schedule" else {}).encode()
        self.send_response(429 if is_spent else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_) -> None:
        """Print nothing."""


def lend() -> str:
    """Start the service and return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lender)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def unpack(callback=None) -> None:
    """Replace the imitations of CUDA tensors by the packed ones, before the worker's first task.

    Writes the worker's process id to FOLDER/worker, and the number of tensors to FOLDER/unpacked.
    """
    import torch
    from spaces.zero.torch import patching

    (FOLDER / "worker").write_text(str(os.getpid()))
    places = 0
    for pack in patching.tensor_packs:
        with open(pack.path(), "rb") as file:
            for tensor, size, aligned_size in chain(*pack.batches, pack.big_tensors):
                storage = torch.frombuffer(bytearray(file.read(aligned_size)[:size]), dtype=torch.uint8)
                data = torch.empty(0, dtype=tensor.dtype)
                data.set_(storage.untyped_storage(), 0, tensor.shape, tensor.stride())
                for imitation in pack.fakes[tensor]:
                    imitation.data = data
                    places += 1
    (FOLDER / "unpacked").write_text(str(places))


def main(options: list[str]) -> int:
    """Serve the page."""
    (FOLDER / "cgroup").write_text("0::/space")
    os.environ |= {
        "SPACES_ZERO_GPU": "true",
        "SPACES_ZERO_DEVICE_API_URL": lend(),
        "ZEROGPU_OFFLOAD_DIR": str(FOLDER / "tensors"),
        "ZEROGPU_PROC_SELF_CGROUP_PATH": str(FOLDER / "cgroup"),
    }
    import torch

    if torch.version.cuda is None:  # a build for CPUs lacks what is imitated
        torch.version.cuda = "12.8"
        torch._C._cuda_init, torch.cuda._is_in_bad_fork = None, bool
    import spaces.zero.torch

    from kikitori.page import app

    spaces.zero.torch.init = lambda gpu: None
    spaces.zero.torch.move = unpack
    return app.main(options)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[2:]))
