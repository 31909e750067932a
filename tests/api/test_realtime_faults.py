"""Clients of /v1/realtime that are hasty, slow, faulty or suddenly gone; and faults of the server."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from functools import partial

import pytest
import uvicorn
from limits import RateLimitItemPerHour
from uvicorn.config import LOGGING_CONFIG
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kikitori.api import live_conversation, live_sound
from kikitori.api.live_visitors import LiveVisitors
from kikitori.api.realtime_events import READY, TENTATIVE, TEXT
from kikitori.live.session import LiveSession
from kikitori.server import limits
from kikitori.server.logging import LOG, JsonLines, is_logged
from kikitori.server.visitors import UNITS
from tests.support.realtime import COMMIT, WAIT_SECONDS, append, completed, play, raw, receive, refused, serving
from tests.support.recordings import RECORDINGS, one_recording, recordings_in
from tests.support.server import until

SPOKEN = one_recording("pt")
SEVERAL = recordings_in(RECORDINGS, "pt")[:3]
PAUSE = b"\0" * 32000
TALK = b"".join(raw(one.path) + PAUSE for one in SEVERAL)
TEXTS = [one.text for one in SEVERAL]


@pytest.fixture
def log(caplog, monkeypatch):
    """Return a function that gives the lines of the log so far, uvicorn's included."""
    caplog.set_level(logging.INFO, LOG.name)
    monkeypatch.setitem(LOGGING_CONFIG, "loggers", {})
    monkeypatch.setattr(logging.getLogger("uvicorn"), "propagate", True)  # a server before may have set it
    return lambda: [json.loads(JsonLines().format(record)) for record in caplog.records if is_logged(record)]


def jobs(log) -> list[dict]:
    return [line for line in log() if line["event"] == "job"]


def is_free(open_one) -> bool:
    try:
        open_one().close()
    except InvalidStatus:
        return False
    return True


def closed_with(client) -> int:
    """Read to the end; return the code with which the server has closed the connection."""
    with pytest.raises(ConnectionClosed) as raised:
        while True:
            client.recv(WAIT_SECONDS)
    return raised.value.rcvd.code


class Held:
    """Threads wait before they go on with the function. computed: how often it has gone on; waiting: how many wait."""

    def __init__(self):
        self.reached, self.go = threading.Event(), threading.Event()
        self.computed = self.waiting = 0

    def wait(self) -> None:
        self.waiting += 1
        self.reached.set()
        has_gone_on = self.go.wait(WAIT_SECONDS)
        self.waiting -= 1
        assert has_gone_on
        self.computed += 1


@pytest.fixture
def passes(monkeypatch):
    """Hold each event of the model before it is given."""
    held, add = Held(), LiveSession.add

    def add_held(self, samples):
        for event in add(self, samples):
            held.wait()
            yield event

    monkeypatch.setattr(LiveSession, "add", add_held)
    yield held
    held.go.set()


@pytest.fixture
def loading(monkeypatch):
    """Hold the loading of the model."""
    held, load = Held(), live_sound.load_task

    def load_held(*arguments):
        held.wait()
        return load(*arguments)

    monkeypatch.setattr(live_sound, "load_task", load_held)
    yield held
    held.go.set()


@pytest.mark.parametrize(
    ("waiting", "most"),
    [
        (2, 1),  # one waits for the model, one is read ahead
        (4, 2),  # the end of the connection is behind one that is not read: it shows when events can't be sent
    ],
)
def test_who_leaves_while_sound_waits_has_the_place_until_the_thread_is_free(waiting, most, passes, monkeypatch, log):
    monkeypatch.setattr(live_sound, "MAX_WAITING_BYTES", 0)
    with serving(LiveVisitors(limit=1)) as open_one:
        client = open_one(close_timeout=0.5)
        client.send(TALK)
        assert passes.reached.wait(WAIT_SECONDS)
        for _ in range(waiting):
            client.send(TALK)
        client.close()
        assert refused(open_one)[0] == 429
        passes.go.set()
        until(partial(is_free, open_one))
        assert 1 <= passes.computed <= most
        assert [job["ended"] for job in jobs(log)] == ["stopped"]


def test_who_is_not_read_is_not_cut_off(passes, monkeypatch):
    """Its answer to a ping waits behind its sound."""
    monkeypatch.setattr(live_sound, "MAX_WAITING_BYTES", 0)
    impatient = partial(uvicorn.Config, ws_ping_interval=0.05, ws_ping_timeout=0.05)
    monkeypatch.setattr(uvicorn, "Config", impatient)
    with serving() as open_one, open_one() as client:
        for _ in range(5):
            client.send(raw(SPOKEN.path) + PAUSE)
        assert passes.reached.wait(WAIT_SECONDS)
        time.sleep(0.5)  # a server that cuts it off does it now
        passes.go.set()
        events = []
        while len(completed(events)) < 5:
            events += receive(client, f"{TEXT}.completed")
        assert completed(events) == [SPOKEN.text] * 5


def test_no_sound_is_lost_if_more_comes_than_may_wait(monkeypatch):
    monkeypatch.setattr(live_sound, "MAX_WAITING_BYTES", 0)
    monkeypatch.setattr(live_sound, "MAX_WAITING_PARTS", 1)
    with serving() as open_one, open_one() as client:
        play(client, TALK)
        events = receive(client, f"{TEXT}.completed")
        while not events[-1]["is_requested"] and completed(events) != TEXTS:
            events += receive(client, f"{TEXT}.completed")
        assert completed(events) == TEXTS


def test_while_the_model_is_loaded_sound_is_kept_and_nobody_is_idle(loading, monkeypatch):
    monkeypatch.setattr(live_conversation, "LOOK_SECONDS", 0.01)
    visitors = LiveVisitors()
    with serving(visitors) as open_one, open_one() as client:
        client.send(raw(SPOKEN.path))
        assert loading.reached.wait(WAIT_SECONDS)
        visitors.idle_seconds = 0
        time.sleep(0.2)  # a server that counts this as idle ends the session now
        client.send(PAUSE + TALK)
        client.send("answered once all before it is taken")
        assert [event["type"] for event in receive(client, "error")] == ["session.created", "error"]
        loading.go.set()
        assert [event["type"] for event in receive(client, READY)] == [READY]
        events = receive(client, "error")
        assert events[-1]["error"]["code"] == "live_idle"
        assert completed(events) == [SPOKEN.text, *TEXTS]


def test_a_client_that_reads_nothing_loses_its_place(monkeypatch):
    monkeypatch.setattr(live_conversation, "SEND_SECONDS", 0.2)
    commit = json.dumps({"type": "input_audio_buffer.commit", "event_id": "x" * 1_000_000})  # comes back in the error
    with serving(LiveVisitors(limit=1)) as open_one:
        client = open_one(max_queue=1, ping_interval=None, compression=None)

        def send() -> None:
            with pytest.raises(ConnectionClosed):
                while True:
                    client.send(commit)

        sending = threading.Thread(target=send)
        sending.start()
        until(partial(is_free, open_one))
        client.socket.shutdown(socket.SHUT_RDWR)
        sending.join()


def test_half_a_character_comes_back_as_it_came():
    """`\\ud83d` is JSON, and UTF-8 can't encode it."""
    with serving() as open_one, open_one() as client:
        client.send(raw(SPOKEN.path))
        receive(client, READY)
        client.send('{"type": "session.update", "event_id": "\\ud83d"}')
        assert receive(client, "error")[-1]["error"]["event_id"] == "\ud83d"
        client.send(COMMIT)
        assert completed(receive(client, f"{TEXT}.completed")) == [SPOKEN.text]


def test_after_an_unforeseen_fault_the_texts_are_sent_and_the_log_names_the_place(monkeypatch, log):
    def broken(text: str) -> dict:
        raise KeyError("confidential words")

    monkeypatch.setattr(live_conversation, "read_event", broken)
    with serving() as open_one, open_one() as client:
        client.send(raw(SPOKEN.path))
        client.send(COMMIT)
        events = receive(client, "error")
        assert (completed(events), events[-1]["error"]["code"]) == ([SPOKEN.text], "server_fault")
        assert closed_with(client) == 1011
    (line,) = [line for line in log() if line["level"] == "ERROR"]
    assert (line["event"], line["error"]) == ("live", "KeyError")
    assert [place.partition(":")[0] for place in line["trace"]][-2:] == [
        "live_conversation.py",
        "test_realtime_faults.py",
    ]
    assert "confidential" not in json.dumps(log())


def test_at_the_limit_of_bytes_the_texts_so_far_are_sent(monkeypatch):
    sound = raw(SPOKEN.path)
    monkeypatch.setattr(limits, "BYTES", RateLimitItemPerHour(len(sound), namespace="bytes"))
    monkeypatch.setitem(UNITS, limits.BYTES, "bytes per hour")
    with serving() as open_one, open_one() as client:
        client.send(sound)
        client.send(PAUSE)
        events = receive(client, "error")
        assert completed(events) == [SPOKEN.text]
        assert "bytes per hour" in events[-1]["error"]["message"]
        assert closed_with(client) == 1008


def test_a_session_is_done_if_its_client_leaves_with_all_texts(log, monkeypatch):
    flushed, flush = [], LiveSession.flush

    def noted(self):
        for event in flush(self):
            flushed.append(event.text)
            yield event

    monkeypatch.setattr(LiveSession, "flush", noted)
    with serving(LiveVisitors(limit=1)) as open_one:
        with open_one() as client:
            play(client, raw(SPOKEN.path))
            receive(client, f"{TEXT}.completed")
        until(partial(is_free, open_one))
        with open_one() as client:
            client.send(raw(SPOKEN.path))  # and nothing that closes the stretch
            receive(client, TENTATIVE)
        until(partial(is_free, open_one))
    assert [job["ended"] for job in jobs(log)] == ["done", "stopped"]
    assert flushed == [SPOKEN.text]  # nothing is computed for somebody who has gone


def test_text_that_is_not_utf8_closes_the_connection_and_a_file_does_too(loading, log):
    with serving(LiveVisitors(limit=1)) as open_one:
        for message, is_text, code in ((b"\xff", True, 1007), (b"RIFF" + PAUSE, False, 1008)):
            with open_one() as client:
                client.send(message, text=is_text)
                assert closed_with(client) == code
            until(partial(is_free, open_one))
        with open_one() as client:
            for byte in b"fLaC":  # wherever the header is divided
                client.send(bytes([byte]))
            assert closed_with(client) == 1008
    assert not loading.reached.is_set()
    assert not [line for line in log() if line["level"] != "INFO"]


def test_who_leaves_while_the_model_is_loaded_gives_the_place_back_at_once(loading, log):
    with serving(LiveVisitors(limit=1)) as open_one:
        with open_one() as client:
            client.send(raw(SPOKEN.path))
            assert loading.reached.wait(WAIT_SECONDS)
        until(partial(is_free, open_one))
        assert loading.waiting == 1
        with open_one() as client:
            play(client, raw(SPOKEN.path))
            loading.go.set()
            assert completed(receive(client, f"{TEXT}.completed")) == [SPOKEN.text]
    assert [job["ended"] for job in jobs(log)] == ["stopped", "done"]


def test_refusals_are_no_faults_in_the_log(log):
    with serving(LiveVisitors(limit=1)) as open_one:
        for origin in ("http://[", "http://[::1", "null"):
            status, error = refused(open_one, origin=origin)
            assert (status, error["code"]) == (403, "origin_refused")
        assert refused(open_one, "model=nonsense")[0] == 404
        assert refused(open_one, host="evil.example")[0] == 400
        with open_one():
            assert refused(open_one)[0] == 429
        with open_one() as client:
            client.send(append(PAUSE))
            receive(client, READY)
    assert not [line for line in log() if line["level"] != "INFO"]
