"""What one address may ask for, and whose word counts about addresses."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from kikitori.server.limits import Gate
from kikitori.server.proxy import SPACE_PROXIES, OwnAddress, ProxyHeaders
from kikitori.server.visitors import BYTES, ELEMENTS, MAX_OPEN, REQUESTS, Visitors, address_of
from tests.support.coroutines import finish

STRANGER, NEIGHBOUR, PROXY = "203.0.113.5", "203.0.113.6", "10.1.2.3"
BODY = b"[1, 2, 3]"
"""9 bytes with 3 elements."""


async def body_length(request: Request) -> JSONResponse:
    return JSONResponse(len(await request.body()))


def post(visitors: Visitors | None, address: str = STRANGER):
    """Send BODY through the gate."""
    app = Starlette(routes=[Route("/", body_length, methods=["POST"])])
    return TestClient(Gate(app, visitors), client=(address, 4000)).post("/", content=BODY)


@pytest.mark.parametrize(
    ("item", "left", "limit"),
    [
        (REQUESTS, 1, "1,200 requests per minute"),
        (ELEMENTS, 3, "5,000,000 elements of JSON per minute"),
        (BYTES, len(BODY), "3,000,000,000 bytes per hour"),
    ],
    ids=["requests", "elements", "bytes"],
)
def test_too_much_from_one_address_is_answered_by_429(item, left, limit):
    visitors = Visitors()
    finish(visitors.charge(STRANGER, item, item.amount - left))
    assert post(visitors).json() == len(BODY)
    refused = post(visitors)
    assert refused.status_code == 429
    seconds = int(refused.headers["retry-after"])
    assert 0 < seconds <= item.get_expiry()
    sentence = f"{STRANGER} has reached the limit of {limit}: try again in {seconds} s"
    assert sentence in refused.text
    assert post(visitors, NEIGHBOUR).json() == len(BODY)
    assert post(None).json() == len(BODY)


def test_one_address_has_a_limited_number_of_open_requests():
    visitors = Visitors()
    with ExitStack() as opened:
        for _ in range(MAX_OPEN):
            opened.enter_context(visitors.open(STRANGER))
        refused = post(visitors)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
        assert post(visitors, NEIGHBOUR).status_code == 200
    assert post(visitors).status_code == 200


@pytest.mark.parametrize(
    ("client", "counted"),
    [
        (("203.0.113.5", 1), "203.0.113.5"),
        (("::ffff:203.0.113.5", 1), "203.0.113.5"),
        (("2001:db8::5", 1), "2001:db8::/64"),
        (("2001:db8::6", 1), "2001:db8::/64"),
        (None, "unknown"),
    ],
)
def test_a_visitor_is_counted_by_address_or_network(client, counted):
    assert address_of(client) == counted


async def seen(request: Request) -> JSONResponse:
    """What Gradio would see of a request."""
    return JSONResponse([request.client.host, request.url.scheme, request.headers.get("x-forwarded-host")])


@pytest.mark.parametrize(
    ("proxies", "peer", "expected"),
    [
        ("", STRANGER, [STRANGER, "http", None]),
        ("", PROXY, [PROXY, "http", None]),
        ("", "127.0.0.1", ["127.0.0.1", "http", None]),
        (SPACE_PROXIES, STRANGER, [STRANGER, "http", None]),
        (SPACE_PROXIES, PROXY, [NEIGHBOUR, "https", "example.org"]),
        (PROXY, PROXY, [NEIGHBOUR, "https", "example.org"]),
    ],
)
def test_only_a_proxy_says_where_a_request_comes_from(proxies, peer, expected):
    """The first address of X-Forwarded-For is what the visitor claims; the proxy appends the true one."""
    headers = {"X-Forwarded-For": f"1.1.1.1, {NEIGHBOUR}", "X-Forwarded-Proto": "https"}
    headers |= {"X-Forwarded-Host": "example.org", "Forwarded": "host=example.org"}
    app = ProxyHeaders(Starlette(routes=[Route("/", seen)]), proxies)
    assert TestClient(app, client=(peer, 1)).get("/", headers=headers).json() == expected


async def redirect(request: Request) -> RedirectResponse:
    return RedirectResponse(request.url.replace(path="/there", query="a=b"))


async def page(request: Request) -> HTMLResponse:
    return HTMLResponse(f'<base href="{request.url}">')


def app_with_names(is_local: bool, blocks) -> TestClient:
    app = Starlette(routes=[Route("/redirect", redirect), Route("/page", page)])
    return TestClient(OwnAddress(app, blocks, is_local), follow_redirects=False)


def named(host: str, path: str, is_local: bool = False):
    """Ask an app for a path under a name of the server."""
    blocks = SimpleNamespace(app=SimpleNamespace(api_info=None))
    return app_with_names(is_local, blocks).get(path, headers={"Host": host})


def test_a_redirect_names_no_server():
    assert named("evil.example", "/redirect").headers["location"] == "/there?a=b"


def test_no_cache_keeps_a_page():
    assert named("evil.example", "/page").headers["cache-control"] == "no-store"


def test_a_description_made_for_one_name_is_not_shown_under_another():
    blocks = SimpleNamespace(app=SimpleNamespace(api_info=None))
    client = app_with_names(False, blocks)
    for host, left in (("evil.example", None), ("evil.example", "of evil.example"), ("good.example", None)):
        client.get("/page", headers={"Host": host})
        assert blocks.app.api_info == left
        blocks.app.api_info = f"of {host}"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:7860", 200),
        ("localhost", 200),
        ("[::1]:7860", 200),
        ("evil.example", 400),
        ("127.0.0.1.evil", 400),
        ("[", 400),
    ],
)
def test_a_page_for_this_machine_only_has_no_other_name(host, status):
    assert named(host, "/page", is_local=True).status_code == status
    assert named(host, "/page").status_code == 200


def test_errors_of_the_app_itself_pass():
    async def fail(_):
        raise HTTPException(418, "teapot")

    app = Gate(Starlette(routes=[Route("/", fail)]), Visitors())
    assert TestClient(app).get("/").status_code == 418
