"""OpenAI's audio API, against `kikitori serve` in a process that has no Gradio.

The clients are OpenAI's own for Python and Node, the Vercel AI SDK and curl.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
import soundfile

from benchmarks import serve as benchmark
from benchmarks.served import ROOT, served
from tests.support.recordings import example, one_recording
from tests.support.server import PATIENCE_SECONDS, jobs_in, until

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:deprecated")]

WITHOUT_GRADIO = (
    "import sys; sys.modules['gradio'] = None; from kikitori.cli.run import main; main(['serve', *sys.argv[1:]])"
)
CALL = example("call_appointment")
GOOD = one_recording("pt")


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("api") / "log"


@pytest.fixture(scope="module")
def server(log) -> Iterator[tuple[subprocess.Popen, str]]:
    """One process for all tests of this file, and its address."""
    with served("--no_language_check", log=log, program=("-c", WITHOUT_GRADIO)) as started:
        yield started


@pytest.fixture(scope="module")
def address(server) -> str:
    return f"{server[1]}/v1"


@pytest.fixture(scope="module")
def client(address) -> openai.OpenAI:
    return openai.OpenAI(base_url=address, api_key="none", max_retries=0, timeout=PATIENCE_SECONDS)


def transcribed(client: openai.OpenAI, path: Path, model: str, **options):
    with path.open("rb") as file:
        return client.audio.transcriptions.create(file=file, model=model, **options)


@pytest.mark.parametrize(
    ("model", "direction"), [("pt", "pt"), ("en2ja", "en2ja"), ("ja2en", "ja2en"), ("whisper-1", "pt")]
)
def test_the_text_is_what_was_said(client, model, direction):
    recording = one_recording(direction)
    made = transcribed(client, recording.path, model)
    assert made.text == recording.reference
    assert made.usage.seconds == pytest.approx(soundfile.info(recording.path).duration, abs=0.01)


def test_a_call_has_speakers_with_and_without_a_stream(client):
    """The segments that are streamed are those of the whole answer, and the deltas add up to its text."""
    whole = transcribed(client, CALL.path, "diarize", response_format="diarized_json", language="ja")
    assert [(segment.speaker, segment.text) for segment in whole.segments] == [
        (turn.speaker, turn.text) for turn in CALL.turns
    ]
    assert whole.text == CALL.text
    with transcribed(client, CALL.path, "diarize", response_format="diarized_json", stream=True) as stream:
        events = list(stream)
    segments = [event.to_dict() for event in events if event.type == "transcript.text.segment"]
    assert segments == [segment.to_dict() for segment in whole.segments]
    deltas = [event for event in events if event.type == "transcript.text.delta"]
    assert [event.segment_id for event in deltas] == [segment.id for segment in whole.segments]
    assert "".join(event.delta for event in deltas) == CALL.text
    assert (events[-1].type, events[-1].text) == ("transcript.text.done", CALL.text)


@pytest.mark.skipif(shutil.which("node") is None, reason="no node on this machine: install Debian's package nodejs")
def test_the_clients_for_node_get_the_text_and_who_said_it(address, tmp_path):
    """OpenAI's client and the Vercel AI SDK; `npm ci` installs them. The streamed segments are the whole answer's."""
    broken = tmp_path / "talk.wav"
    broken.write_bytes(b"hello")
    command = ["node", ROOT / "tests" / "api" / "clients.js", address, CALL.path, GOOD.path, broken]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    got = json.loads(done.stdout)
    assert got["models"][0] == "diarize"
    assert got["text"] == got["sdk"]["text"] == got["sdkWithTimes"]["text"] == GOOD.reference
    spoken = [(turn.speaker, turn.text) for turn in CALL.turns]
    assert [(segment["speaker"], segment["text"]) for segment in got["whole"]["segments"]] == spoken
    segments = [event for event in got["events"] if event["type"] == "transcript.text.segment"]
    assert segments == got["whole"]["segments"]
    assert "".join(event.get("delta", "") for event in got["events"]) == CALL.text
    assert got["events"][-1] == {"type": "transcript.text.done", "text": CALL.text}
    assert got["refusal"] == {"name": "BadRequestError", "status": 400, "code": "undecodable", "param": "file"}
    assert [segment["text"] for segment in got["sdkWithTimes"]["segments"]] == [GOOD.reference]
    assert got["sdkWithTimes"]["seconds"] == pytest.approx(soundfile.info(GOOD.path).duration, abs=0.01)


def test_schemathesis_finds_nothing_against_the_description(address, tmp_path):
    """Nothing is left out. Only the recordings are ours: bytes that it makes up are none."""
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.support.real_recordings", "PYTHONPATH": str(ROOT)}
    options = ["--max-examples=4", "--seed=1", "--generation-database=none", "--no-color"]
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json", *options]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.returncode == 0 and "No issues found" in done.stdout, done.stdout[-5000:] + done.stderr


def test_the_verbose_format_has_segments_and_words(client):
    made = transcribed(
        client, GOOD.path, "pt", response_format="verbose_json", timestamp_granularities=["word", "segment"]
    )
    assert (made.language, made.text, made.segments[0].text) == ("portuguese", GOOD.reference, GOOD.reference)
    assert [word.word for word in made.words] == GOOD.reference.split()
    times = [time for word in made.words for time in (word.start, word.end)]
    assert times == sorted(times) and 0 < times[-1] <= made.duration
    assert -0.5 < made.segments[0].avg_logprob < 0


def test_the_tokens_and_their_probabilities_make_up_the_text(client):
    made = transcribed(client, GOOD.path, "whisper-1", include=["logprobs"])
    assert b"".join(bytes(map(int, token.bytes)) for token in made.logprobs).decode() == GOOD.reference == made.text
    assert "".join(token.token for token in made.logprobs) == GOOD.reference
    assert all(-5 < token.logprob < 0 for token in made.logprobs)


@pytest.mark.parametrize(
    ("response_format", "start"),
    [("text", ""), ("srt", "1\n00:00:00,"), ("vtt", "WEBVTT\n\n")],
)
def test_the_formats_that_are_text(client, response_format, start):
    made = transcribed(client, GOOD.path, "pt", response_format=response_format)
    assert made.startswith(start)
    assert GOOD.reference in made


def test_japanese_speech_is_translated_into_english(client):
    recording = one_recording("ja2en")
    with recording.path.open("rb") as file:
        made = client.audio.translations.create(file=file, model="whisper-1", response_format="verbose_json")
    assert (made.text, made.language) == (recording.reference, "english")


@pytest.mark.parametrize(
    ("model", "options", "status", "code", "param"),
    [
        ("nope", {}, 404, "model_not_found", "model"),
        ("pt", {"language": "ja"}, 400, "fixed_language", "language"),
        ("transcribe", {"language": "xx"}, 400, "unknown_language", "language"),
        ("pt", {"response_format": "xml"}, 400, "field_value", "response_format"),
        ("pt", {"response_format": "diarized_json"}, 400, "field_needs", "response_format"),
        ("pt", {"response_format": "srt", "stream": True}, 400, "field_needs", "stream"),
        ("pt", {"timestamp_granularities": ["word"]}, 400, "field_needs", "timestamp_granularities[]"),
        (
            "en2ja",
            {"timestamp_granularities": ["word"], "response_format": "verbose_json"},
            400,
            "not_alignable",
            "timestamp_granularities[]",
        ),
        ("pt", {"include": ["logprobs"], "response_format": "srt"}, 400, "field_needs", "include[]"),
        ("pt", {"prompt": "<|audio_pad|>"}, 400, "context_token", "prompt"),
        ("pt", {"known_speaker_names": ["Ana"]}, 400, "field_unknown", "known_speaker_names[]"),
        ("pt", {"file": ("talk.wav", b"hello")}, 400, "undecodable", "file"),
        ("pt", {"file": ("talk.wav", b"hello"), "stream": True}, 400, "undecodable", "file"),
        ("pt", {"file": ("talk.wav", b"")}, 400, "file_empty", "file"),
    ],
)
def test_an_error_is_one_sentence_with_the_status_and_the_field(client, model, options, status, code, param):
    with pytest.raises(openai.APIStatusError) as caught:
        client.audio.transcriptions.create(**{"file": GOOD.path, "model": model} | options)
    body = caught.value.body
    assert (caught.value.status_code, body["code"], body["param"]) == (status, code, param)
    assert body["type"] == "invalid_request_error"
    assert "\n" not in body["message"] and "Traceback" not in body["message"]
    if code in ("undecodable", "file_empty"):
        assert body["message"].startswith("talk.wav ")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine: install Debian's package curl")
def test_the_documented_curl_example_prints_the_text(address):
    done = documented("bash", ["bash", "-c"], address)
    assert json.loads(done)["text"] == example("portuguese_daily").text


def test_the_documented_python_example_prints_who_said_what(address):
    lines = documented("python", [sys.executable, "-c"], address).splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines] == [f"{turn.speaker} {turn.text}" for turn in CALL.turns]


def documented(language: str, program: list[str], address: str) -> str:
    """What the example in this language prints."""
    page = (ROOT / "docs" / "openai_api.md").read_text(encoding="utf-8")
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    command = [*program, code.replace("http://127.0.0.1:8000/v1", address)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_other_models_do_not_translate(client):
    with pytest.raises(openai.BadRequestError, match="pt does not write English: choose ja2en") as caught:
        client.audio.translations.create(file=GOOD.path, model="pt")
    assert caught.value.code == "not_english"


def test_the_models_are_listed(client, address):
    names = [model.id for model in client.models.list()]
    assert names == ["diarize", "en2ja", "ja2en", "pt", "transcribe", "whisper-1"]
    assert client.models.retrieve("diarize").owned_by == "kikitori"
    with pytest.raises(openai.NotFoundError, match="there is no model 'a/b'"):
        client.models.retrieve("a/b")


def test_what_is_no_endpoint_or_no_form_is_one_sentence(address):
    unknown = httpx.get(f"{address}/chat/completions")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_endpoint")
    wrong = httpx.get(f"{address}/audio/transcriptions")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    no_form = httpx.post(f"{address}/audio/transcriptions", json={"file": "https://example.org/a.wav"})
    assert (no_form.status_code, no_form.json()["error"]["code"]) == (400, "field_missing")
    text = httpx.post(f"{address}/audio/transcriptions", data={"model": "pt", "file": "https://example.org/a.wav"})
    assert (text.status_code, text.json()["error"]["param"]) == (400, "file")
    file = {"file": ("talk.flac", GOOD.path.read_bytes())}
    twice = httpx.post(f"{address}/audio/transcriptions", data={"model": ["diarize", "pt"]}, files=file)
    assert (twice.status_code, twice.json()["error"]["param"]) == (400, "model")


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine: install Debian's package curl")
def test_curl_gets_a_warning_for_what_is_not_honoured(address):
    command = ["curl", "-si", f"{address}/audio/transcriptions", "-F", f"file=@{GOOD.path}", "-F", "model=pt"]
    done = subprocess.run([*command, "-F", "temperature=0.5"], capture_output=True, text=True, check=True)
    headers, body = done.stdout.split("\n\n", 1)
    assert json.loads(body)["text"] == GOOD.reference
    assert 'warning: 299 kikitori "temperature is not honoured"' in headers


def test_the_benchmark_of_many_clients_counts_right_and_wrong_answers(server):
    process, address = server
    clips = benchmark.make_clips(14, of=14)
    assert len({clip.content for clip in clips}) == 14
    asked = benchmark.Server("ours", f"{address}/v1", benchmark.kikitori_form, process.pid)
    measured = benchmark.measure(asked, clips, clients=4, alone=4)
    assert (measured.wrong, measured.right, len(measured.together), len(measured.first)) == ([], 14, 5, 5)
    assert min(measured.together + measured.first) > 0 and len(list(measured.cells())) == len(benchmark.HEAD)
    mistaken = replace(asked, form=lambda _: {"model": "en2ja"})
    others = [clip for clip in clips if clip.direction == "pt"]
    assert benchmark.send_all(mistaken, others, 1, measured) == [] and len(measured.wrong) == len(others) > 0
    lost = replace(asked, form=lambda _: {"model": "nope"})
    assert benchmark.send_all(lost, clips[:1], 1, measured) == [] and "404" in measured.wrong[-1]


def test_a_job_stops_when_its_client_disconnects(client, log, tmp_path):
    long = repeated(GOOD.path, 40, tmp_path)
    before = len(jobs_in(log))
    with transcribed(client, long, "pt", stream=True) as stream:
        assert GOOD.reference in next(stream).delta
    until(lambda: len(jobs_in(log)) > before)
    line = jobs_in(log)[-1]
    assert (line["ended"], line["sound_seconds"] < soundfile.info(long).duration) == ("stopped", True)


def test_a_stop_finishes_the_running_stream(server, client, tmp_path):
    """Stops the server of this file, so it has to be the last test that uses it."""
    process, _ = server
    with transcribed(client, repeated(GOOD.path, 20, tmp_path), "pt", stream=True) as stream:
        first = next(stream)
        process.send_signal(signal.SIGTERM)
        *_, done = stream
    assert (first.type, done.type) == ("transcript.text.delta", "transcript.text.done")
    assert process.wait(timeout=PATIENCE_SECONDS) == 0


def repeated(path: Path, times: int, folder: Path) -> Path:
    """A file with a recording several times, with a pause after each."""
    sound, rate = soundfile.read(path, dtype="float32")
    once = np.concatenate([sound, np.zeros(rate, np.float32)])
    soundfile.write(folder / "long.flac", np.tile(once, times), rate)
    return folder / "long.flac"
