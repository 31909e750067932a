"""Start the page's server: options, checkpoints, launch, orderly stop."""

from __future__ import annotations

import argparse
import os
import sys

from fastapi.exceptions import RequestValidationError
from starlette.middleware import Middleware
from starlette.routing import Route

from kikitori.page.tabs import build_page  # isort: skip, sets what Gradio reads when imported
import gradio as gr

from kikitori.cli.options import add_checkpoint_options, add_language_check_option
from kikitori.errors import CheckpointError
from kikitori.model.checkpoints import checkpoint_folder, choose_device
from kikitori.model.operators import check_operators
from kikitori.model.weights import check_weights
from kikitori.page.script import STYLES, page_head
from kikitori.page.sessions import KnownSessions, refuse_invalid
from kikitori.page.start import I18N
from kikitori.server.health import health
from kikitori.server.limits import Gate
from kikitori.server.logging import log_to
from kikitori.server.memory import freeze_heap, share_heaps
from kikitori.server.proxy import LOCAL_NAMES, SPACE_PROXIES, OwnAddress, ProxyHeaders
from kikitori.server.shutdown import Stop
from kikitori.server.visitors import Visitors
from kikitori.tasks import LANGUAGE_CHECK, SOURCES, TASKS, Checkpoint, choose_checkpoints
from kikitori.transcribe import load_task

ON_SPACE = bool(os.environ.get("SPACE_ID"))
ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
CHECKPOINT_VARIABLE = "SPEECH_CHECKPOINT"
REVISION_VARIABLE = "SPEECH_REVISION"
PROXY_VARIABLE = "SPEECH_PROXY"
NO_LIMITS_VARIABLE = "SPEECH_NO_LIMITS"
MAX_UPLOAD = "200mb"
SESSIONS = 200
"""Whose state Gradio keeps, 90 kB each. The page has none, so an older session loses nothing."""
MAX_WAITING = 64
"""Jobs in the queue; ZeroGPU's own default is 1."""


def build_parser() -> argparse.ArgumentParser:
    """The options of `kikitori page` and `python app.py`."""
    parser = argparse.ArgumentParser(
        prog="kikitori page",
        description="Open the web page.",
        epilog=f"{CHECKPOINT_VARIABLE}, {REVISION_VARIABLE} and {PROXY_VARIABLE} in the environment do what "
        f"--checkpoint, --revision and --proxy do; several checkpoints or revisions are separated by spaces. "
        f"{NO_LIMITS_VARIABLE}=1 does what --no-limits does.",
    )
    add_checkpoint_options(parser)
    add_language_check_option(parser)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1; on a Space 0.0.0.0)")
    parser.add_argument("--port", type=int, help="default: 7860, or the next free one")
    parser.add_argument(
        "--proxy",
        default=os.environ.get(PROXY_VARIABLE, SPACE_PROXIES if ON_SPACE else ""),
        help="addresses or networks of reverse proxies, separated by commas, or * for any address: their X-Forwarded "
        "headers say where a request comes from (default: none; on a Space Hugging Face's)",
    )
    parser.add_argument(
        "--no-limits",
        action="store_true",
        default=bool(os.environ.get(NO_LIMITS_VARIABLE)),
        help="do not limit what one address may ask for: for a network in which everybody is trusted",
    )
    return parser


def parse_options(argv: list[str] | None) -> tuple[argparse.Namespace, dict[str, Checkpoint]]:
    """Parse the options and choose the checkpoints. Ends the program if one can't be chosen, is missing or damaged."""
    parser = build_parser()
    options = parser.parse_args(argv)
    choices = options.checkpoint or os.environ.get(CHECKPOINT_VARIABLE, "").split()
    revisions = os.environ.get(REVISION_VARIABLE, "").split() + options.revision
    try:
        checkpoints = choose_checkpoints(choices, revisions, weights=options.weights)
        for checkpoint in checkpoints.values():
            if checkpoint.folder:
                check_weights(checkpoint_folder(checkpoint))
        if options.weights:
            check_operators(options.weights, choose_device())
        return options, checkpoints | ({LANGUAGE_CHECK: checkpoints["base"]} if options.language_check else {})
    except CheckpointError as error:
        parser.error(str(error))


def main(argv: list[str] | None = None) -> int:
    """Load what ZeroGPU needs loaded, then serve the page until it is stopped. Returns an exit code."""
    options, checkpoints = parse_options(argv)
    share_heaps()
    stop = Stop()
    log_to(sys.stderr)
    sys.stdout.reconfigure(line_buffering=True)  # logs and pipes need the address at once
    if ON_ZERO_GPU:
        for task in {*TASKS.values(), *SOURCES.values()}:
            _ = load_task(task, checkpoints).engine.aligner
    page = build_page(checkpoints)
    page.queue(max_size=MAX_WAITING, api_open=False)  # no request can bypass the queue
    try:
        launch(page, options)
    except OSError as error:  # Gradio finds no free port
        place = f"port {options.port}" if options.port else "every port from 7860 on"
        print(f"error: {place} is in use ({error}): choose another with --port", file=sys.stderr)
        return 1
    freeze_heap()
    stop.wait(page)
    return 0


def middleware(page: gr.Blocks, options: argparse.Namespace) -> list[Middleware]:
    """What each request passes before it reaches Gradio."""
    is_local = not (ON_SPACE or options.proxy) and (options.host or LOCAL_NAMES[0]) in LOCAL_NAMES
    return [
        Middleware(ProxyHeaders, options.proxy),
        Middleware(OwnAddress, page, is_local),
        Middleware(Gate, None if options.no_limits else Visitors()),
        Middleware(KnownSessions, page),
    ]


def launch(page: gr.Blocks, options: argparse.Namespace) -> None:
    """Start the server in a thread of its own. Raises OSError if it can't listen."""
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn would believe everybody on this machine
    page.launch(
        state_session_capacity=SESSIONS,
        server_name=options.host,
        server_port=options.port,
        max_file_size=MAX_UPLOAD,
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=STYLES,
        head=page_head(),
        i18n=I18N,
        mcp_server=True,
        enable_monitoring=False,
        app_kwargs={
            "middleware": middleware(page, options),
            "exception_handlers": {RequestValidationError: refuse_invalid},
            "routes": [Route("/health", health(page))],
        },
        prevent_thread_lock=True,
    )
    # The MCP server calls the page itself, and would take the address from the first request.
    page.mcp_server_obj._local_url = page.local_url
