"""Start the page's server: options, checkpoints, launch, orderly stop."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from starlette.middleware import Middleware
from starlette.routing import Route

from kikitori.page.tabs import build_page  # isort: skip, sets what Gradio reads when imported
import gradio as gr
import uvicorn

from kikitori.api.app import mount_api
from kikitori.api.live_visitors import LiveVisitors
from kikitori.cli.parser import Parser
from kikitori.page.live import live_routes
from kikitori.page.mcp import repair
from kikitori.page.refused import exception_handlers
from kikitori.page.script import STYLES, page_head
from kikitori.page.sessions import KnownSessions
from kikitori.page.start import I18N
from kikitori.page.zero_gpu import NamesVisitor
from kikitori.server.health import health
from kikitori.server.keys import Keys, KnownKeys
from kikitori.server.limits import Gate
from kikitori.server.logging import log_to
from kikitori.server.memory import freeze_heap, share_heaps
from kikitori.server.options import VARIABLES, add_server_options, is_for_this_machine, parse_server_options, port
from kikitori.server.proxy import OwnAddress, ProxyHeaders
from kikitori.server.shutdown import Stop
from kikitori.server.sockets import SOCKET_OPTIONS, RefusedSockets
from kikitori.server.visitors import Visitors
from kikitori.tasks import SOURCES, TASKS, Checkpoint
from kikitori.transcribe import load_task

ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
MAX_UPLOAD = "200mb"
SESSIONS = 200
"""Whose state Gradio keeps, 90 kB each. The page has none, so an older session loses nothing."""
MAX_WAITING = 64
"""Jobs in the queue; ZeroGPU's own default is 1."""


def build_parser() -> argparse.ArgumentParser:
    """The options of `kikitori page` and `python app.py`."""
    parser = Parser(
        prog="kikitori page",
        description="Open the web page.",
        epilog=VARIABLES,
    )
    add_server_options(parser)
    parser.add_argument("--port", type=port, help="default: 7860, or the next free one")
    return parser


def parse_options(argv: list[str] | None) -> tuple[argparse.Namespace, dict[str, Checkpoint], Keys | None]:
    """Parse the options, choose the checkpoints and read the API keys. Ends the program if one can't be used."""
    return parse_server_options(build_parser(), argv)


def main(argv: list[str] | None = None) -> int:
    """Load what ZeroGPU needs loaded, then serve the page until it is stopped. Returns an exit code."""
    options, checkpoints, keys = parse_options(argv)
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
        launch(page, options, checkpoints, keys)
    except OSError as error:  # Gradio finds no free port
        place = f"port {options.port}" if options.port else "every port from 7860 on"
        print(f"error: {place} is in use ({error}): choose another with --port", file=sys.stderr)
        return 1
    freeze_heap()
    # Not page.close(): it ends the queue first, so that results not yet sent would be lost.
    stop.wait(page.server, page.app.stop_event.set)
    return 0


def middleware(page: gr.Blocks, options: argparse.Namespace, keys: Keys | None) -> list[Middleware]:
    """What each request passes before it reaches Gradio."""
    return [
        Middleware(RefusedSockets),
        Middleware(ProxyHeaders, options.proxy),
        Middleware(OwnAddress, page, is_for_this_machine(options)),
        Middleware(KnownKeys, keys),
        Middleware(Gate, None if options.no_limits else Visitors()),
        Middleware(KnownSessions, page),
        *([Middleware(NamesVisitor)] if ON_ZERO_GPU else []),
    ]


def launch(
    page: gr.Blocks, options: argparse.Namespace, checkpoints: Mapping[str, Checkpoint], keys: Keys | None = None
) -> None:
    """Start the server in a thread of its own. Raises OSError if it can't listen."""

    def is_ready() -> bool:
        return page.app.startup_events_triggered and not page._queue.stopped

    live = LiveVisitors()
    os.environ["FORWARDED_ALLOW_IPS"] = ""  # uvicorn would believe everybody on this machine
    with _socket_options():
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
            quiet=True,  # Gradio would name an option that this program does not have
            app_kwargs={
                "middleware": middleware(page, options, keys),
                "exception_handlers": exception_handlers(page),
                "routes": [
                    Route("/health", health(is_ready)),
                    *live_routes(checkpoints, live),
                    mount_api(checkpoints, bool(keys), live=live),
                ],
            },
            prevent_thread_lock=True,
        )
    # The MCP server calls the page itself, and would take the address from the first request.
    page.mcp_server_obj._local_url = page.local_url
    repair(page.mcp_server_obj)
    print(f"* Running on local URL:  {page.protocol}://{page.server_name}:{page.server_port}")


@contextmanager
def _socket_options() -> Iterator[None]:
    """Give SOCKET_OPTIONS to the server that Gradio makes while the block runs: it has no option for them."""
    config = uvicorn.Config
    uvicorn.Config = partial(config, **SOCKET_OPTIONS)
    try:
        yield
    finally:
        uvicorn.Config = config
