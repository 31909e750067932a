"""/v1/realtime through a real server and the library websockets, on the tiny checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

import pytest
from limits import RateLimitItemPerHour
from openai.types.realtime import RealtimeServerEvent
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.realtime_events import READY, TENTATIVE, TEXT
from kikitori.engines.vllm.addresses import on_engine
from kikitori.server import limits
from kikitori.server.keys import Keys
from kikitori.server.visitors import UNITS
from tests.support.realtime import (
    COMMIT,
    ORIGIN,
    TINY,
    WAIT_SECONDS,
    completed,
    play,
    raw,
    receive,
    refused,
    serving,
    update,
)
from tests.support.recordings import RECORDINGS, one_recording, recordings_in
from tests.support.server import until

KEY = "a-key-of-24-characters-xx"
SPOKEN = one_recording("pt")


@pytest.fixture(scope="module")
def open_one() -> Iterator[Callable[..., ClientConnection]]:
    with serving() as open_one:
        yield open_one


def test_sound_becomes_deltas_and_a_text(open_one):
    with open_one() as client:
        (created,) = receive(client, "session.created")
        assert created["session"]["max_seconds"] == 3600 and created["session"]["expires_at"] > 1e9
        play(client, raw(SPOKEN.path))
        assert [event["type"] for event in receive(client, READY)] == [READY]
        events = receive(client, f"{TEXT}.completed")
    assert completed(events) == [SPOKEN.text]
    assert "".join(event["delta"] for event in events if event["type"] == f"{TEXT}.delta") == SPOKEN.text
    kinds = [event["type"] for event in events]
    assert kinds[0] == "input_audio_buffer.speech_started" and TENTATIVE in kinds
    assert kinds.index("input_audio_buffer.speech_stopped") < kinds.index("input_audio_buffer.committed")
    assert len({event["item_id"] for event in events}) == 1
    heard = [event["audio_heard_ms"] for event in events if event["type"] == TENTATIVE]
    assert heard == sorted(heard) and 500 < heard[-1] < 5000
    assert events[-1]["turns"][0]["text"] == SPOKEN.text and events[-1]["warnings"] == []
    assert events[-1]["is_requested"]


def test_a_pause_completes_a_text_without_a_commit(open_one):
    with open_one() as client:
        client.send(raw(SPOKEN.path) + b"\0" * 32000)
        last = receive(client, f"{TEXT}.completed")[-1]
        assert (last["transcript"], last["is_requested"]) == (SPOKEN.text, False)
        client.send(COMMIT)
        assert receive(client, "error")[-1]["error"]["code"] == "no_live_sound"


def test_the_events_are_those_of_openais_library(open_one):
    """But for the session's, where OpenAI has another sample rate."""
    with open_one() as client:
        client.send(update({"type": "transcription"}))
        play(client, raw(SPOKEN.path))
        events = receive(client, f"{TEXT}.completed")
        client.send("nonsense")
        events += receive(client, "error")
    kinds = {one.model_fields["type"].annotation.__args__[0]: one for one in get_args(get_args(RealtimeServerEvent)[0])}
    checked = [event for event in events if not event["type"].startswith(("session", "kikitori"))]
    for event in checked:
        kinds[event["type"]].model_validate(event)
    assert {event["type"] for event in checked} >= {f"{TEXT}.delta", f"{TEXT}.completed", "error"}


def test_raw_samples_and_other_settings_are_taken(open_one):
    one = recordings_in(RECORDINGS, "diarize")[-1]
    chosen = {
        "transcription": {"model": "diarize"},
        "format": {"type": "audio/pcm", "rate": 24000},
        "turn_detection": None,
    }
    with open_one("model=pt") as client:
        client.send(update({"audio": {"input": chosen}}))
        updated = receive(client, "session.updated")[-1]["session"]["audio"]["input"]
        assert (updated["transcription"]["model"], updated["format"]["rate"]) == ("diarize", 24000)
        client.send(raw(one.path, 24000) + b"\0" * 48000 * 2)
        events = receive(client, f"{TEXT}.completed")
        while "".join(completed(events)) != one.text:
            events += receive(client, f"{TEXT}.completed")
        client.send(update({}))
        assert receive(client, "error")[-1]["error"]["code"] == "live_begun"
    turns = [turn for event in events for turn in event.get("turns", ())]
    assert {turn["speaker"] for turn in turns} <= {"spk_0?", "spk_1?"} and turns


def test_what_can_not_be_carried_out_is_told_and_the_rest_goes_on(open_one):
    bad = {
        "not json": "not_an_event",
        "[" * 100_000: "not_an_event",
        "[]": "not_an_event",
        '{"type": "response.create"}': "unknown_event",
        '{"type": "input_audio_buffer.append"}': "field_missing",
        '{"type": "input_audio_buffer.append", "audio": "%%"}': "field_value",
        update({"type": "realtime"}): "field_value",
        update({"audio": {"input": {"format": {"rate": 8000}}}}): "field_value",
        update({"audio": {"input": {"transcription": {"model": "x"}}}}): "model_not_found",
        update({"audio": {"input": {"transcription": {"language": "ja"}}}}): "fixed_language",
        COMMIT: "no_live_sound",
    }
    with open_one() as client:
        receive(client, "session.created")
        for message, code in bad.items():
            client.send(message)
            (event,) = receive(client, "error")
            assert event["error"]["code"] == code, message[:80]
            assert event["error"]["event_id"] == ("mine" if message == COMMIT else None)
        play(client, raw(SPOKEN.path))
        assert completed(receive(client, f"{TEXT}.completed")) == [SPOKEN.text]


def test_silence_has_no_text_and_a_commit_says_so(open_one):
    with open_one() as client:
        receive(client, "session.created")
        play(client, b"\0" * 64000)
        receive(client, READY)
        assert [event["error"]["code"] for event in receive(client, "error")] == ["no_live_sound"]


@pytest.mark.slow
def test_several_visitors_get_their_own_texts(open_one):
    recordings = recordings_in(RECORDINGS, "pt")[:3]
    clients = [open_one() for _ in recordings]
    try:
        for client, one in zip(clients, recordings, strict=True):
            play(client, raw(one.path))
        texts = [completed(receive(client, f"{TEXT}.completed")) for client in clients]
    finally:
        for client in clients:
            client.close()
    assert texts == [[one.text] for one in recordings]


def test_too_many_visitors_are_refused_until_one_has_gone():
    with serving(LiveVisitors(limit=1)) as open_one:
        with open_one():
            assert refused(open_one)[0] == 429
            assert "1 visitors have live text" in refused(open_one)[1]["message"]

        def is_free() -> bool:
            try:
                open_one().close()
            except InvalidStatus:
                return False
            return True

        until(is_free)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("visitors", "code"),
    [(LiveVisitors(max_seconds=0), "live_ended"), (LiveVisitors(idle_seconds=0), "live_idle")],
    ids=["time", "idle"],
)
def test_when_time_is_up_the_last_text_is_sent_and_the_reason_told(visitors, code):
    with serving(visitors) as open_one, open_one() as client:
        client.send(raw(SPOKEN.path))
        events = receive(client, "error")
        assert events[-1]["error"]["code"] == code
        assert completed(events) == ([SPOKEN.text] if len(events) > 2 else [])
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(WAIT_SECONDS)
        assert closed.value.rcvd.code == 1008


def test_only_this_servers_and_named_web_pages_may_connect(open_one):
    status, error = refused(open_one, origin="https://bad.example")
    assert status == 403 and "--allow-origin https://bad.example" in error["message"]
    open_one(origin=ORIGIN).close()
    with open_one() as client:
        own = client.request.headers["Host"]
    open_one(origin=f"http://{own}").close()
    status, error = refused(open_one, host="evil.example")
    assert status == 400 and "for its own machine only" in error["message"]


def test_an_unknown_model_is_refused_before_the_connection(open_one):
    status, error = refused(open_one, "model=nonsense")
    assert (status, error["code"], error["param"]) == (404, "model_not_found", "model")


def test_without_a_key_nobody_connects():
    with serving(keys=Keys([KEY], "the test")) as open_one:
        assert refused(open_one)[0] == 401
        assert refused(open_one, subprotocols=["realtime", "openai-insecure-api-key.wrong"])[0] == 401
        open_one(additional_headers={"Authorization": f"Bearer {KEY}"}).close()
        with open_one(subprotocols=["realtime", f"openai-insecure-api-key.{KEY}"]) as client:
            assert client.subprotocol == "realtime"
            receive(client, "session.created")


def test_sound_is_counted_as_uploads_are(monkeypatch):
    monkeypatch.setattr(limits, "BYTES", RateLimitItemPerHour(50_000, namespace="bytes"))
    monkeypatch.setitem(UNITS, limits.BYTES, "bytes per hour")
    with serving() as open_one, open_one() as client:
        client.send(b"\0" * 60_000)
        error = receive(client, "error")[-1]["error"]
        assert "50,000 bytes per hour" in error["message"] and error["type"] == "rate_limit_error"


def test_on_a_borrowed_gpu_there_is_no_live_text(open_one, monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert refused(open_one)[1]["code"] == "live_borrowed"


def test_a_server_that_decodes_on_vllm_has_no_live_text():
    with serving(checkpoints=on_engine(TINY, "vllm", ["http://127.0.0.1:9"])) as open_one:
        assert refused(open_one)[1]["code"] == "live_remote"
