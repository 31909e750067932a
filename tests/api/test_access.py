"""Who may use the API, how much, and from which web pages; without a server process and without a model."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kikitori.api import serve
from kikitori.api.app import mount_api
from kikitori.api.models import choose_direction, choose_translation, served_models
from kikitori.api.queue import Queue
from kikitori.errors import RequestError, TaskError
from kikitori.server.keys import Keys, KnownKeys, read_keys
from kikitori.server.limits import Gate
from kikitori.server.visitors import REQUESTS, Visitors
from kikitori.tasks import CHECKPOINTS, choose_checkpoints
from tests.support.coroutines import finish
from tests.support.recordings import one_recording

TINY = choose_checkpoints(["tiny"])
KEY, OTHER = "a-key-of-24-characters-xx", "another-key-of-many-chars"
GOOD = one_recording("pt")


def client(*arguments: str, keys: Keys | None = None) -> TestClient:
    options = serve.build_parser().parse_args([*arguments, "--host", "0.0.0.0"])
    return TestClient(serve.build_app(TINY, options, keys))


def bearer(key: str) -> dict:
    return {"Authorization": f"Bearer {key}"}


def test_without_one_of_the_keys_nothing_is_answered():
    api = client(keys=Keys([OTHER, KEY], "the test"))
    for headers in ({}, bearer("wrong"), bearer(KEY[:-1]), {"Authorization": KEY}, {"Authorization": f"Basic {KEY}"}):
        refused = api.get("/v1/models", headers=headers)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert refused.json()["error"]["code"] == "invalid_api_key"
    assert api.post("/v1/audio/transcriptions", files={"file": b"x"}).status_code == 401
    assert api.get("/v1/models", headers=bearer(KEY)).status_code == 200
    assert api.get("/health").status_code == 200


def test_each_key_has_limits_of_its_own():
    visitors = Visitors()
    finish(visitors.charge("key 1", REQUESTS, REQUESTS.amount))
    app = Gate(Starlette(routes=[mount_api(TINY, needs_key=True)]), visitors)
    api = TestClient(KnownKeys(app, Keys([KEY, OTHER], "the test")))
    refused = api.get("/v1/models", headers=bearer(KEY))
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 0
    assert refused.json()["error"]["message"].startswith("key 1 has reached the limit of 1,200 requests per minute")
    assert api.get("/v1/models", headers=bearer(OTHER)).status_code == 200


def test_keys_come_from_a_file_or_from_the_environment(tmp_path, monkeypatch):
    assert read_keys(None) is None
    monkeypatch.setenv("SPEECH_API_KEYS", f"{OTHER} {KEY}")
    assert read_keys(None).account(f"Bearer {KEY}") == "key 2"
    path = tmp_path / "keys"
    path.write_text(f"{KEY}\n")
    assert read_keys(str(path)).account(f"bearer {KEY}") == "key 1"
    assert read_keys(str(path)).account(f"Bearer {OTHER}") is None
    path.write_text("short\n")
    with pytest.raises(RequestError, match="holds no API keys: write one per line, of at least 16 characters"):
        read_keys(str(path))


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--port", "65536"], "65536 is no port: give a number from 0 to 65535"),
        (["--port", "-1"], "-1 is no port"),
        (["--api-keys", str(one_recording("pt").path)], f"{one_recording('pt').path} is not text in UTF-8: write one"),
    ],
    ids=["port too high", "port below 0", "keys are no text"],
)
def test_options_that_cannot_be_used_are_refused(options, complaint, capsys):
    with pytest.raises(SystemExit) as ended:
        serve.main(options)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(("origin", "is_allowed"), [("https://good.example", True), ("https://bad.example", False)])
def test_only_named_web_pages_may_call(origin, is_allowed):
    api = client("--allow-origin", "https://good.example")
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    preflight = api.options("/v1/audio/transcriptions", headers=asked)
    answered = api.get("/v1/models", headers={"Origin": origin})
    for answer in (preflight, answered):
        assert answer.headers.get("access-control-allow-origin") == (origin if is_allowed else None)


def test_a_full_queue_is_429():
    api = TestClient(Starlette(routes=[mount_api(TINY, queue=Queue(at_once=0, waiting=0))]))
    refused = api.post("/v1/audio/transcriptions", data={"model": "pt"}, files={"file": GOOD.path.read_bytes()})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    assert refused.json()["error"]["type"] == "rate_limit_error"


def test_an_upload_that_is_too_large_is_413():
    api = client()
    refused = api.post("/v1/audio/transcriptions", headers={"Content-Length": "201000001"}, content=b"")
    assert refused.status_code == 413
    assert refused.json()["error"]["message"] == "The request is larger than 201 MB: compress or cut the recording"


@pytest.mark.parametrize(
    ("name", "language", "direction"),
    [
        ("whisper-1", "pt", "transcribe"),
        ("Qwen/Qwen3-ASR-1.7B", "", "transcribe"),
        ("okadahiroaki/Qwen3asr_diarization_projembed", "ja", "diarize"),
        ("voiceping-ai/qwen3-asr-ja-en-speech-translation", "en", "en2ja"),
        ("voiceping-ai/qwen3-asr-ja-en-speech-translation", "Japanese", "ja2en"),
        ("pt", "pt-BR", "pt"),
    ],
)
def test_a_checkpoint_is_a_name_of_its_directions(name, language, direction):
    assert choose_direction(served_models(CHECKPOINTS), name, language) == direction


def test_a_model_and_a_language_that_contradict_each_other_are_refused():
    models = served_models(CHECKPOINTS)
    translation = "voiceping-ai/qwen3-asr-ja-en-speech-translation"
    with pytest.raises(RequestError, match="choose the model en2ja or ja2en"):
        choose_direction(models, translation)
    with pytest.raises(TaskError, match="has its own language"):
        choose_direction(models, translation, "pt")
    assert choose_translation(models, translation) == "ja2en"


def test_the_description_names_every_field():
    document = client().get("/v1/openapi.json").json()
    form = document["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]["multipart/form-data"]
    assert {"file", "model", "stream", "timestamp_granularities[]"} < form["schema"]["properties"].keys()
    assert form["schema"]["required"] == ["file", "model"]
    assert "diarize" in form["schema"]["properties"]["model"]["enum"]
