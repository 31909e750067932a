"""Every route of the page's server answers a wrong request with one sentence and the status that fits."""

from __future__ import annotations

import re

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route
from starlette.testclient import TestClient

from kikitori.page.gradio_guards import Page  # isort: skip, sets what Gradio reads when imported
import gradio as gr

from kikitori.page.refused import BROKEN, answer_fault
from tests.support.coroutines import finish

CALLS = "there is no endpoint POST {}: use one of POST /gradio_api/call/diarize, POST /gradio_api/call/translate, "
NOTHING = "there is no endpoint {}: use one of "
UNKNOWN_ID = "There is no function, component or event with the id of this request: take it from /config"
NO_DATA: dict = {"data": []}


def sentence_of(answer: httpx.Response) -> str:
    """The one sentence of an answer, as Gradio or OpenAI's API has it."""
    body = answer.json()
    said = body["error"]["message"] if answer.request.url.path.startswith("/v1/") else body["detail"]
    assert isinstance(said, str) and "\n" not in said and len(said) < 500
    return said


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("DELETE", "/", 405),
        ("POST", "/health", 405),
        ("GET", "/config/nowhere", 404),
        ("GET", "/gradio_api/nowhere", 404),
        ("GET", "/gradio_api/upload", 405),
        ("GET", "/static/nowhere.js", 404),
        ("GET", "/monitoring", 404),
        ("GET", "/gradio_api/vibe-code", 404),
        ("POST", "/gradio_api/stream/unknown/close", 404),
        ("GET", "/v1/nowhere", 404),
        ("POST", "/v1/models", 405),
    ],
)
def test_an_unknown_path_is_named(server, method, path, status):
    answer = httpx.request(method, f"{server.rstrip('/')}{path}")
    assert answer.status_code == status
    assert sentence_of(answer).startswith(NOTHING.format(f"{method} {path}"))


@pytest.mark.parametrize("path", ["/%0A", "/v1/models/a%0Ab", "/gradio_api/file=%00", "/gradio_api/call/%1B"])
def test_a_path_with_control_characters_is_no_path(server, path):
    answer = httpx.get(f"{server.rstrip('/')}{path}")
    assert answer.status_code == 404
    assert re.match("there is no endpoint GET /.*\N{REPLACEMENT CHARACTER}", sentence_of(answer))


@pytest.mark.parametrize(
    ("path", "body", "status", "sentence"),
    [
        ("/call/nowhere", NO_DATA, 404, CALLS.format("/gradio_api/call/nowhere")),
        ("/call/nowhere/", NO_DATA, 404, CALLS.format("/gradio_api/call/nowhere/")),
        ("/run/nowhere", NO_DATA, 404, CALLS.format("/gradio_api/run/nowhere")),
        ("/call/v2/diarize", {}, 404, NOTHING.format("POST /gradio_api/call/v2/diarize")),
        ("/call/diarize", {}, 422, "This request can't be used: body.data: Field required"),
        ("/call/diarize", {"data": "x"}, 422, "This request can't be used: body.data: Input should be a valid list"),
        ("/run/diarize", NO_DATA | {"fn_index": 9999}, 404, UNKNOWN_ID),
        ("/component_server", {"component_id": 9999, "fn_name": "x", "data": 0, "session_hash": "a"}, 404, UNKNOWN_ID),
        ("/cancel", {}, 422, "This request can't be used: body.session_hash: Field required"),
        ("/upload", {}, 400, "Invalid content type."),
    ],
)
def test_a_request_that_gradio_cannot_use_is_one_sentence(server, path, body, status, sentence):
    answer = httpx.post(f"{server.rstrip('/')}/gradio_api{path}", json=body)
    assert answer.status_code == status
    assert sentence_of(answer).startswith(sentence)


def test_a_fault_of_the_program_is_one_sentence():
    async def broken(_: Request) -> None:
        raise ZeroDivisionError

    app = Starlette(routes=[Route("/", broken)], exception_handlers={Exception: answer_fault})
    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert (answer.status_code, sentence_of(answer)) == (500, BROKEN)


def test_what_gradio_itself_refuses_has_no_traceback_in_the_log():
    with Page() as page:
        choice = gr.Radio(["en2ja", "ja2en"])
        gr.Button().click(str, choice)
    (fn,) = page.fns.values()
    with pytest.raises(gr.Error, match=r"'fr'.* is not in the list of choices") as caught:
        finish(page.process_api(fn, ["fr"]))
    assert not caught.value.print_exception
