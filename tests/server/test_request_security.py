"""Raw requests of a stranger: for others' files, the server's files, and Gradio routes that the page does not use."""

from __future__ import annotations

import http.client
import json
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from benchmarks.served import ROOT
from kikitori.server import body_size
from kikitori.server.limits import Gate
from tests.support.recordings import one_recording

pytestmark = pytest.mark.slow

GOOD = one_recording("pt")
CALL = "/call/transcribe_portuguese"


@pytest.fixture(scope="module")
def api(server):
    return f"{server.rstrip('/')}/gradio_api"


def upload(api: str, name: str, content: bytes = b"abc") -> httpx.Response:
    return httpx.post(f"{api}/upload", files={"files": (name, content)}, timeout=60)


@pytest.mark.parametrize(
    "name", ["../../evil.flac", "/etc/evil", "a/../../evil", "..\\..\\evil", "%2e%2e%2fevil", "..", "evil\0.wav"]
)
def test_an_upload_stays_in_its_folder(api, name):
    folder = Path(upload(api, "good.flac").json()[0]).parent
    answer = upload(api, name)
    if answer.status_code == 200:
        assert Path(answer.json()[0]).parent == folder  # named by the digest of the same content
    else:
        assert answer.status_code == 400
    assert not Path("/etc/evil").exists() and not (folder.parent.parent / "evil").exists()


def outside(cached: Path) -> list[str]:
    """Paths that are not uploads: absolute ones, relative ones, and neighbours of an upload."""
    own = [ROOT / "app.py", ROOT / "assets" / "tiny" / "config.json", GOOD.path, cached.parent, cached.parent.parent]
    ways = ["app.py", "examples/call_order.flac", f"../{ROOT.name}/app.py", "//etc/hostname", "file:///etc/hostname"]
    return [
        "/etc/hostname",
        *map(str, own),
        *ways,
        f"{cached}/../../../../../etc/hostname",
        f"{cached.parent}/other.wav",
    ]


def test_no_file_of_the_server_is_served(api):
    cached = Path(upload(api, GOOD.path.name, GOOD.path.read_bytes()).json()[0])
    assert httpx.get(f"{api}/file={cached}").content == GOOD.path.read_bytes()  # its digest is secret
    for path in outside(cached):
        for written in (path, quote(path, safe="")):
            assert httpx.get(f"{api}/file={written}").status_code in (403, 404), path


def test_no_file_of_the_server_is_transcribed(api):
    cached = Path(upload(api, GOOD.path.name, GOOD.path.read_bytes()).json()[0])
    endpoint = f"{api}/call/transcribe_portuguese"
    for path in outside(cached):
        data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, False]
        event = httpx.post(endpoint, json={"data": data}, timeout=60).json()["event_id"]
        events = httpx.get(f"{endpoint}/{event}", timeout=60).text
        assert "event: error" in events and "event: complete" not in events and GOOD.reference not in events, path
        sentence = json.loads(events.split("data: ")[-1])["error"]
        assert re.search("Unknown file path: upload the file first|is a folder: |does not exist: ", sentence)


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1:9/a.wav",
        "/gradio_api/file=HTTPS://example.com/",
        "/gradio_api/file/http://127.0.0.1:9/",
        "/gradio_api/deep_link?session_hash=a",
        "/gradio_api/process_recording",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api/vibe-code",
        "/gradio_api/proxy=http://127.0.0.1:9/",
        "/gradio_api/dev/reload",
        "/docs",
    ],
)
def test_gradio_routes_that_the_page_does_not_use_are_closed(server, path):
    assert httpx.get(f"{server.rstrip('/')}{path}").status_code in (400, 403, 404, 405)


@pytest.mark.parametrize("header", ["X-Forwarded-Host", "X-Gradio-Server", "Forwarded", "Host"])
@pytest.mark.parametrize("path", ["/logout", "/", "/config", "/gradio_api/info", "/gradio_api/mcp/", "/login"])
def test_a_stranger_does_not_choose_the_address_of_the_server(server, path, header):
    value = {"X-Gradio-Server": "http://evil.example", "Forwarded": "host=evil.example"}.get(header, "evil.example")
    for headers in ({header: value, "X-Forwarded-Proto": "https"}, {}):
        answer = httpx.get(f"{server.rstrip('/')}{path}", headers=headers, timeout=60)
        assert "evil" not in answer.text + str(answer.headers)


def test_no_request_bypasses_the_queue(api):
    for way in ("run", "api"):
        answer = httpx.post(f"{api}/{way}/transcribe_portuguese", json={"data": [None, False]})
        assert answer.status_code == 404 and "join the queue" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/upload", body_size.MAX_UPLOAD_BYTES),
        ("/mcp/", body_size.MAX_MCP_BYTES),
        ("/queue/join", body_size.MAX_TRANSCRIPT_BYTES),
        ("/component_server", body_size.MAX_TRANSCRIPT_BYTES),
        ("/call/diarize", body_size.MAX_OTHER_BYTES),
    ],
)
def test_a_request_with_too_large_a_length_is_refused_before_its_body(api, path, limit):
    connection = http.client.HTTPConnection(urlsplit(api).netloc, timeout=60)
    connection.putrequest("POST", f"/gradio_api{path}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(limit + 1))
    connection.endheaders()
    answer = connection.getresponse()
    sentence = f"The request is larger than {limit // 1_000_000} MB: upload files, and send fewer at a time"
    assert (answer.status, json.loads(answer.read())) == (413, {"detail": sentence})
    connection.close()


@pytest.mark.parametrize(("sent", "status"), [(1000, 200), (1001, 413)])
def test_a_request_without_a_length_is_counted(monkeypatch, sent, status):
    monkeypatch.setattr(body_size, "MAX_OTHER_BYTES", 1000)

    async def length(request: Request) -> JSONResponse:
        return JSONResponse(len(await request.body()))

    app = Gate(Starlette(routes=[Route("/", length, methods=["POST"])]), None)
    answer = TestClient(app).post("/", content=(b"x" for _ in range(sent)))
    assert "content-length" not in answer.request.headers
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/call/diarize", "/queue/join", "/component_server", "/mcp/", "/cancel"])
@pytest.mark.parametrize(
    ("data", "status", "sentence"),
    [
        (b"[]," * body_size.MAX_ELEMENTS + b"[]", 413, "The request has more than 400,000 elements"),
        (b"[" * (body_size.MAX_DEPTH + 1), 413, "The request is nested more than 50 levels deep"),
        ('{"data":[]}'.encode("utf-16"), 400, "The request is not JSON in UTF-8"),
    ],
    ids=["many", "deep", "utf-16"],
)
def test_json_that_would_take_much_memory_is_refused_before_it_is_parsed(api, path, data, status, sentence):
    if path == "/mcp/" and b"[]," in data:
        data = data[: body_size.MAX_MCP_BYTES]
    if path in ("/call/diarize", "/cancel") and len(data) > body_size.MAX_OTHER_BYTES:
        sentence = "The request is larger than 1 MB"
    answer = httpx.post(f"{api}{path}", content=data, headers={"Content-Type": "application/json"}, timeout=60)
    # component_server answers every error in its body with 400
    assert answer.status_code == (400 if path == "/component_server" else status)
    assert sentence in answer.text or answer.json() == {"detail": "Invalid JSON body."}


@pytest.mark.parametrize("path", ["/queue/data?session_hash=unknown", f"{CALL}/unknown", f"{CALL}/unknown/"])
def test_an_unknown_session_gets_an_answer(api, path):
    answer = httpx.get(f"{api}{path}", follow_redirects=True)
    assert answer.status_code == 404 and answer.json()["detail"].startswith("There is no such session")


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ('"fn_index": 0, "data": [1,2,3,4,5,6,7,8,9]', 400, "This request has 9 values, and at most "),
        ('"fn_index": 999, "data": []', 400, "There is no function with fn_index 999: take it from /config"),
        ('"data": []', 400, "There is no function with fn_index None"),
        ('"fn_index": 1e400, "data": []', 422, "Input should be a finite number"),
    ],
    ids=["values", "number", "none", "infinite"],
)
def test_a_request_that_no_handler_can_use_gets_an_answer(api, body, status, sentence):
    content = f'{{{body}, "session_hash": "stranger"}}'
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{api}/queue/join", content=content, headers=headers, timeout=60)
    assert answer.status_code == status and sentence in answer.text


def test_a_result_comes_whatever_session_a_program_names(api):
    for session in ("", "a", "*" * 100, None):
        body = {"data": [None, False], "session_hash": session}
        event = httpx.post(f"{api}{CALL}", json=body, timeout=60).json()["event_id"]
        assert "There is no recording yet" in httpx.get(f"{api}{CALL}/{event}", timeout=60).text


def test_a_request_with_a_wrong_length_is_refused(api):
    connection = http.client.HTTPConnection(urlsplit(api).netloc, timeout=60)
    connection.putrequest("POST", "/gradio_api/queue/join")
    connection.putheader("Content-Length", "many")
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()
