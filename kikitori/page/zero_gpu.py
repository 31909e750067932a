"""On ZeroGPU: whose quota a job of /v1 is charged to."""

from __future__ import annotations

import gradio as gr
from gradio.context import LocalContext
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from kikitori.server.body_size import API


class NamesVisitor:
    """ASGI middleware: tells the library `spaces` the request that a job of /v1 is for, as Gradio does for its own.

    Its header `X-IP-Token`, which Hugging Face adds, says who pays with a quota. Without it the Space itself would.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on. Each has a context of its own."""
        if scope["type"] == "http" and scope["path"].startswith(API):
            LocalContext.request.set(gr.Request(Request(scope)))
        await self.app(scope, receive, send)
