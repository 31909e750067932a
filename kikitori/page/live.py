"""The Live tab on the server: its WebSocket, and a route that says whether it has room.

A browser does not tell a script why a WebSocket was refused, so that the page asks here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.realtime import Realtime, check_live
from kikitori.errors import SpeechError
from kikitori.page.messages import error_message
from kikitori.tasks import Checkpoint

PATH, SOUND = "/live", "/live/sound"


def live_routes(checkpoints: Mapping[str, Checkpoint], visitors: LiveVisitors) -> Iterable[BaseRoute]:
    """Return the page's own routes for live text. Like the rest of the page, they need no API key.

    checkpoints: by role. visitors: those of /v1/realtime too.
    """

    def state(_: Request) -> JSONResponse:
        """Answer {}, or why a visitor who came now would get no live text, as static/message.js shows errors."""
        try:
            check_live(checkpoints)
            visitors.check_room()
        except SpeechError as error:
            return JSONResponse(error_message(error))
        return JSONResponse({})

    return [Route(PATH, state), WebSocketRoute(SOUND, Realtime(checkpoints, (), visitors))]
