"""`kikitori serve`: the API without the page."""

from __future__ import annotations

import argparse
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import nullcontext

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from kikitori.api.app import mount_api
from kikitori.api.errors import answer_http_error
from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.queue import MAX_AT_ONCE, Queue
from kikitori.cli.parser import Parser
from kikitori.processes import count_of
from kikitori.server.health import health
from kikitori.server.keys import Keys, KnownKeys
from kikitori.server.limits import Gate
from kikitori.server.logging import log_to
from kikitori.server.memory import freeze_heap, share_heaps
from kikitori.server.options import VARIABLES, add_server_options, is_for_this_machine, parse_server_options, port
from kikitori.server.proxy import LOCAL_NAMES, OwnAddress, ProxyHeaders
from kikitori.server.shutdown import Stop
from kikitori.server.sockets import SOCKET_OPTIONS, RefusedSockets
from kikitori.server.visitors import Visitors
from kikitori.server.workers import Workers
from kikitori.tasks import Checkpoint

PORT = 8000


def build_parser() -> argparse.ArgumentParser:
    """The options of `kikitori serve`."""
    parser = Parser(prog="kikitori serve", description="Serve OpenAI's audio API, without the page.", epilog=VARIABLES)
    add_server_options(parser)
    parser.add_argument("--port", type=port, default=PORT, help=f"default: {PORT}")
    parser.add_argument(
        "--allow-origin",
        metavar="ORIGIN",
        action="append",
        default=[],
        help="a web page's origin, such as https://example.org, that may call the API from a browser; may be repeated",
    )
    parser.add_argument(
        "--workers",
        type=count_of("workers"),
        default=1,
        metavar="N",
        help="transcribe in N further processes; they share the cores, and each loads the checkpoints (default: 1, in "
        "the server's own process)",
    )
    return parser


def build_app(
    checkpoints: Mapping[str, Checkpoint],
    options: argparse.Namespace,
    keys: Keys | None = None,
    live: LiveVisitors | None = None,
    workers: Workers | None = None,
) -> Starlette:
    """Build the app: the API and /health, behind the limits that the page has.

    live: as `mount_api` takes it. workers: who transcribe; None for this process.
    """
    elsewhere = {"queue": Queue(workers.count * MAX_AT_ONCE), "transcribe": workers.transcribe} if workers else {}
    api = mount_api(checkpoints, bool(keys), options.allow_origin, live=live, **elsewhere)
    return Starlette(
        routes=[api, Route("/health", health())],
        exception_handlers={HTTPException: answer_http_error},
        middleware=[
            Middleware(RefusedSockets),
            Middleware(ProxyHeaders, options.proxy),
            Middleware(OwnAddress, None, is_for_this_machine(options)),
            Middleware(KnownKeys, keys),
            Middleware(Gate, None if options.no_limits else Visitors()),
        ],
    )


def build_server(app: Starlette) -> uvicorn.Server:
    """Build the server of the app."""
    return uvicorn.Server(uvicorn.Config(app, proxy_headers=False, **SOCKET_OPTIONS))


def main(argv: list[str] | None = None) -> int:
    """Serve until the process is told to stop. Returns an exit code."""
    options, checkpoints, keys = parse_server_options(build_parser(), argv)
    share_heaps()
    stop = Stop()
    log_to(sys.stderr)
    host = options.host or LOCAL_NAMES[0]
    try:
        listening = socket.create_server((host, options.port), family=_family(host))
    except OSError as error:
        print(f"error: {host}, port {options.port}, is not available ({error}): choose another", file=sys.stderr)
        return 1
    try:
        further = Workers(options.workers) if options.workers > 1 else nullcontext()
    except OSError as error:
        print(f"error: {options.workers} workers can't be started ({error}): choose fewer", file=sys.stderr)
        return 1
    with further as workers:
        server = build_server(build_app(checkpoints, options, keys, workers=workers))
        server.thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        server.thread.start()
        print(f"Serving the API at http://{_shown(host)}:{listening.getsockname()[1]}/v1", flush=True)
        freeze_heap()
        stop.wait(server)
    return 0


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
