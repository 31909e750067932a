"""The API as programs use it: gradio_client and MCP, against a server that was started as users start it."""

from __future__ import annotations

import base64
import http.server
import json
import re
import threading

import httpx
import numpy as np
import openai
import pytest
import soundfile
from gradio_client import Client
from gradio_client.exceptions import AppError

from benchmarks.load import ENDPOINTS, request
from kikitori.transcript import Transcript
from tests.support.coroutines import finish
from tests.support.recordings import one_recording, who_said_what

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(server):
    return Client(server, verbose=False)


@pytest.mark.parametrize("direction", ENDPOINTS)
def test_an_endpoint_returns_the_transcript(client, direction):
    recording = one_recording(direction)
    transcript = Transcript.from_dict(client.predict(**request(direction, recording.path)))
    assert transcript.raw_text.endswith(recording.reference)
    assert (transcript.direction, transcript.checkpoint) == (direction, "tiny")
    assert transcript.audio == recording.path.name
    assert who_said_what(transcript.turns) == who_said_what(recording.turns)


def test_the_page_serves_openais_api_too(server):
    """A stream passes the page's middleware as it comes."""
    call = one_recording("diarize")
    api = openai.OpenAI(base_url=f"{server}v1" if server.endswith("/") else f"{server}/v1", api_key="none")
    with api.audio.transcriptions.create(
        file=call.path, model="diarize", response_format="diarized_json", stream=True
    ) as stream:
        events = list(stream)
    segments = [event for event in events if event.type == "transcript.text.segment"]
    assert [(segment.speaker, segment.text) for segment in segments] == who_said_what(call.turns)
    assert events[-1].text == call.text


def test_a_language_can_be_chosen_by_name_or_code(client):
    english = one_recording("en2ja")
    for language in ("English", "en", "auto", None):
        transcript = client.predict(**request("transcribe", english.path), language=language)
        assert (transcript["language"], transcript["text"]) == ("English", english.said)
    with pytest.raises(AppError, match="'Klingon' is not a language of this model: choose auto or one of Arabic"):
        client.predict(**request("transcribe", english.path), language="Klingon")


def test_only_the_endpoints_of_the_tabs_are_shown(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == set(ENDPOINTS.values())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "There is no recording yet: upload a file or record one first"),
        (b"", "clip.wav is empty (0 bytes): record or copy it again"),
        (b"hello", "clip.wav cannot be decoded as audio or video: save it as WAV, FLAC, MP3, M4A or WebM"),
        (np.zeros(16000, np.float32), "clip.wav is silent: its peak is digital zero"),
        (np.full(800, 0.1, np.float32), "clip.wav is 0.05 s long; the shortest that can be transcribed is 0.1 s"),
    ],
    ids=["none", "empty", "text", "silence", "short"],
)
def test_a_bad_recording_is_one_sentence_and_the_next_one_is_transcribed(client, tmp_path, content, complaint):
    path = None if content is None else tmp_path / "clip.wav"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        soundfile.write(path, content, 16000)
    with pytest.raises(AppError) as caught:
        client.predict(**request("pt", path))
    assert complaint in str(caught.value)
    good = one_recording("pt")
    assert client.predict(**request("pt", good.path))["text"] == good.reference


def test_a_recording_past_the_limit_is_refused_by_its_header(client, tmp_path):
    path = tmp_path / "clip.flac"
    soundfile.write(path, np.zeros(5 * 3600, np.float32), 1)  # five hours at one sample a second
    with pytest.raises(AppError, match=r"clip.flac is 5 h long; the limit is 4 h: cut it into shorter recordings"):
        client.predict(**request("pt", path))


def test_words_have_times_on_request(client):
    recording = one_recording("pt")
    transcript = client.predict(**request("pt", recording.path), align=True)
    assert transcript["text"] == recording.reference
    (turn,) = transcript["turns"]
    assert turn["timing"] == "aligned"
    assert "".join(word["text"] for word in turn["words"]) == recording.reference


def test_a_translation_comes_with_its_source_on_request(client):
    recording = one_recording("ja2en")
    transcript = client.predict(**request("ja2en", recording.path), source=True)
    assert [(turn["text"], turn["source"]) for turn in transcript["turns"]] == [(recording.reference, recording.said)]


@pytest.mark.parametrize("direction", ["pt", "en2ja"])
def test_context_and_rules_are_the_last_arguments_and_are_checked(client, direction):
    recording = one_recording(direction)
    asked = request(direction, recording.path)
    assert client.predict(**asked, context=None, replace=None)["text"] == recording.reference
    first = recording.reference[:3]
    replaced = client.predict(**asked, replace=f"{first}=あ\n\nあ = い")
    assert replaced["text"] == "い" + recording.reference[3:]
    assert replaced["replacements"] == [[first, "あ"], ["あ", "い"]]
    with pytest.raises(AppError, match="`Ana` is not a rule for replacements: write old=new in one line"):
        client.predict(**asked, replace="Ana")
    with pytest.raises(AppError, match="the context has 2001 characters; the limit is 2000"):
        client.predict(**asked, context="a" * 2001)


def test_a_direction_that_does_not_exist_is_refused(client):
    recording = one_recording("en2ja")
    with pytest.raises((AppError, ValueError), match="fr"):
        client.predict(**request("en2ja", recording.path) | {"direction": "fr"})


def test_another_tabs_direction_is_refused(client):
    with pytest.raises((AppError, ValueError), match="pt"):
        client.predict(**request("en2ja", one_recording("pt").path) | {"direction": "pt"})


@pytest.mark.parametrize("path", ["/etc/hostname", "http://127.0.0.1:9/a.wav", "file:///etc/hostname"])
def test_a_path_or_address_in_the_request_is_neither_opened_nor_fetched(server, path):
    """Sent as a raw request, because gradio_client uploads files first."""
    audio = {"path": path, "meta": {"_type": "gradio.FileData"}}
    endpoint = f"{server.rstrip('/')}/gradio_api/call/transcribe_portuguese"
    started = httpx.post(endpoint, json={"data": [audio, False]}, timeout=60)
    if started.status_code == 200:
        events = httpx.get(f"{endpoint}/{started.json()['event_id']}", timeout=60).text
        assert "event: error" in events and "event: complete" not in events
        # An opened or fetched file would be described in the error.
        assert "decoded" not in events and "refused" not in events
        assert "never fetched" in events or not path.startswith("http")
    else:
        assert started.status_code in (400, 403, 422)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        ([], "There is no recording yet: upload a file or record one first"),
        (["x.wav"], "A file is sent as "),
        (["http://127.0.0.1/a.wav"], "A file is sent as "),
        ([5, False], "A file is sent as "),
        ([None, None], "There is no recording yet: upload a file or record one first"),
    ],
)
@pytest.mark.parametrize("endpoint", ["diarize", "translate"])
def test_an_incomplete_request_is_one_sentence(server, endpoint, data, complaint):
    assert complaint in raw_call(server, endpoint, data).split("event: error")[1]


def test_omitted_inputs_have_the_values_of_the_page(server):
    recording = one_recording("en2ja")
    with recording.path.open("rb") as file:
        (path,) = httpx.post(f"{server.rstrip('/')}/gradio_api/upload", files={"files": file}, timeout=60).json()
    events = raw_call(server, "translate", [{"path": path, "meta": {"_type": "gradio.FileData"}}])
    (transcript,) = json.loads(events.split("event: complete\ndata: ")[1])
    assert transcript["raw_text"] == recording.reference


def raw_call(server: str, endpoint: str, data: list) -> str:
    """The raw events that answer a request."""
    address = f"{server.rstrip('/')}/gradio_api/call/{endpoint}"
    event = httpx.post(address, json={"data": data}, timeout=60).json()["event_id"]
    return httpx.get(f"{address}/{event}", timeout=60).text


def call_tool(server: str, audio: str):
    """The names of the MCP tools with their schemas, and the result of the one for Portuguese."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async def talk():
        address = f"{server.rstrip('/')}/gradio_api/mcp/"
        async with streamablehttp_client(address) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            tools = {tool.name: tool.inputSchema for tool in (await session.list_tools()).tools}
            return tools, await session.call_tool("transcribe_portuguese", {"audio": audio, "align": False})

    return finish(talk())


def test_the_endpoints_are_tools_of_an_mcp_server(server):
    recording = one_recording("pt")
    content = base64.b64encode(recording.path.read_bytes()).decode()
    tools, result = call_tool(server, f"data:audio/flac;base64,{content}")
    assert sorted(tools) == sorted({endpoint.strip("/") for endpoint in ENDPOINTS.values()})
    for schema in tools.values():
        assert "data: address" in schema["properties"]["audio"].pop("description")
        assert schema["properties"]["audio"] == {"type": "string"} and schema["required"] == ["audio"]
    assert not result.isError
    assert Transcript.from_dict(json.loads(result.content[0].text)).text == recording.reference


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}/a.wav", "file:///etc/hostname", "/etc/hostname"])
def test_an_mcp_client_cannot_make_the_server_fetch_anything(server, address):
    asked = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        _, result = call_tool(server, address.format(port=listener.server_port))
        listener.shutdown()
    assert result.isError and asked == []
    assert re.search("^audio is no recording: send|is an address, which is never fetched", result.content[0].text)
