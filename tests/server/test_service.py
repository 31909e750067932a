"""Server operations on a real process: health, log, faults, orderly shutdown, deletion of uploads."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from benchmarks.load import request
from benchmarks.served import ROOT, served
from kikitori.server.body_size import MAX_ELEMENTS
from kikitori.server.shutdown import SIGNALS, Stop
from tests.support.browser import open_tab, run_button, upload, visit, words
from tests.support.fault_injection_app import FAULTS
from tests.support.recordings import one_recording
from tests.support.server import PATIENCE_SECONDS, jobs_in, until

pytestmark = pytest.mark.slow

GOOD = one_recording("pt")


class Controlled:
    """A server with faults on demand, and the folder that controls it (tests/support/fault_injection_app.py)."""

    def __init__(self, folder: Path, process: subprocess.Popen, address: str):
        self.folder, self.process, self.address = folder, process, address
        self.log = folder / "log"
        self.client = Client(address, verbose=False)

    def submit(self, path=GOOD.path):
        """Submit a job."""
        return self.client.submit(**request("pt", path))

    def text(self, path=GOOD.path) -> str:
        return self.submit(path).result(timeout=PATIENCE_SECONDS)["text"]

    def hold(self) -> None:
        (self.folder / "waiting").unlink(missing_ok=True)  # of a test before
        (self.folder / "hold").touch()

    def release(self) -> None:
        (self.folder / "hold").unlink()

    def health(self) -> tuple[int, str]:
        answer = httpx.get(f"{self.address}/health", timeout=PATIENCE_SECONDS)
        return answer.status_code, answer.json()["status"]

    def lines(self) -> list[dict]:
        """The log's lines about jobs."""
        return jobs_in(self.log)


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """One server for all tests of this file."""
    folder = tmp_path_factory.mktemp("page")
    with served(log=folder / "log", program=("-m", "tests.support.fault_injection_app", str(folder))) as (
        process,
        address,
    ):
        yield Controlled(folder, process, address)


def test_the_page_prints_its_address_and_no_option_that_it_does_not_have(page):
    printed = page.log.read_text()
    assert f"* Running on local URL:  {page.address}\n" in printed
    assert "share=" not in printed


def test_health_is_ok_while_the_server_accepts_jobs(page):
    assert page.health() == (200, "ok")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_sentence_for_the_visitor_and_one_line_in_the_log(page, name):
    (page.folder / "raise").write_text(name)
    sentence = {
        "memory": "not enough memory",
        "host memory": "not enough memory",
        "checkpoint": "This server can't load its checkpoint",
    }.get(name, "Something broke")
    with pytest.raises(AppError, match=f"{sentence}.*: try again") as caught:
        page.text()
    assert "confidential" not in str(caught.value)
    assert page.health() == ((503, "checkpoint") if name == "checkpoint" else (200, "ok"))
    assert page.text() == GOOD.reference
    assert page.health() == (200, "ok")
    failed, after = page.lines()[-2:]
    assert (failed["ended"], failed["error"], failed["level"]) == ("failed", type(FAULTS[name]).__name__, "ERROR")
    assert failed["where"].startswith("fault_injection_app.py:")
    assert after["ended"] == "done"


@pytest.mark.parametrize(("fault", "said"), [("driver", "Something broke"), ("gpu", "GPU task aborted")])
def test_after_a_fault_the_page_transcribes_the_next_recording(page, browser, fault, said):
    with visit(browser, page.address) as seen:
        panel = open_tab(seen, "pt")
        upload(panel, GOOD.path)
        (page.folder / "raise").write_text(fault)
        run_button(panel, "pt").click()
        seen.get_by_text(said).first.wait_for()
        run_button(panel, "pt").click()
        assert words(panel) == [GOOD.reference]


def test_a_waiting_visitor_sees_the_place_in_the_queue(page, browser):
    """Four are served and one waits; the page's visitor is the second in the queue."""
    page.hold()
    jobs = [page.submit() for _ in range(5)]
    status = f"{page.address}/gradio_api/queue/status"
    until(lambda: httpx.get(status).json()["queue_size"] == 1 and (page.folder / "waiting").exists())
    with visit(browser, page.address) as seen:
        panel = open_tab(seen, "pt")
        upload(panel, GOOD.path)
        run_button(panel, "pt").click()
        panel.get_by_text("queue: 2/2").first.wait_for()
        page.release()
        assert words(panel) == [GOOD.reference]
    assert [job.result(timeout=PATIENCE_SECONDS)["text"] for job in jobs] == [GOOD.reference] * 5


def test_a_waiting_visitor_can_stop(page, browser):
    """By keyboard: the focus moves between the buttons as they replace each other."""
    status = f"{page.address}/gradio_api/queue/status"

    def waiting() -> int:
        return httpx.get(status, timeout=PATIENCE_SECONDS).json()["queue_size"]

    page.hold()
    jobs = [page.submit() for _ in range(5)]
    until(lambda: waiting() == 1)
    with visit(browser, page.address) as seen:
        panel = open_tab(seen, "pt")
        upload(panel, GOOD.path)
        run, stop = run_button(panel, "pt"), panel.get_by_role("button", name="Stop", exact=True)
        run.press("Enter")
        panel.get_by_text("queue: 2/2").first.wait_for()
        expect(stop).to_be_focused()
        stop.press("Enter")
        panel.get_by_text("Stopped", exact=True).wait_for()
        expect(run).to_be_focused()
        until(lambda: waiting() == 1)
        page.release()
        assert [job.result(timeout=PATIENCE_SECONDS)["text"] for job in jobs] == [GOOD.reference] * 5


def test_strangers_cannot_touch_a_job(page):
    """Strangers try guessed ids, and those of their own session and events, while the job runs."""
    api = f"{page.address}/gradio_api"
    page.hold()
    job = page.submit()
    until((page.folder / "waiting").exists)
    event = "0" * 32
    with httpx.Client() as stranger:
        handlers = [handler["id"] for handler in stranger.get(f"{page.address}/config").json()["dependencies"]]
        for session_hash in ("", "stranger", "*"):
            for fn_index in handlers:
                body = {"session_hash": session_hash, "fn_index": fn_index, "event_id": event}
                assert stranger.post(f"{api}/cancel", json=body).json() == {"success": True}
    for session_hash in ("stranger", event):
        heard = raw(f"{api}/queue/data?session_hash={session_hash}") + raw(f"{api}/call/transcribe_portuguese/{event}")
        assert GOOD.reference not in heard and "process_completed" not in heard and "event: complete" not in heard
    page.release()
    assert job.result(timeout=PATIENCE_SECONDS)["text"] == GOOD.reference


def raw(address: str) -> str:
    """What the server sends before it closes the stream of an unknown session."""
    with httpx.stream("GET", address, timeout=PATIENCE_SECONDS) as answer:
        try:
            return "".join(answer.iter_text())
        except httpx.RemoteProtocolError as error:
            return str(error)


def test_large_requests_cannot_fill_the_queue(page):
    """Four jobs run and one waits. The lists that wait in it are counted with their commas."""
    api = f"{page.address}/gradio_api"
    (path,) = httpx.post(f"{api}/upload", files={"files": (GOOD.path.name, GOOD.path.read_bytes())}).json()
    recording = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, False]}
    handlers = httpx.get(f"{page.address}/config").json()["dependencies"]
    number = next(one["id"] for one in handlers if one["js"] and "files, view" in str(one["js"]))
    large = {"fn_index": number, "session_hash": "stranger", "data": [None, None, [[]] * (MAX_ELEMENTS // 3 - 100)]}

    def post(path: str, body: dict) -> httpx.Response:
        return httpx.post(f"{api}{path}", json=body, timeout=PATIENCE_SECONDS)

    page.hold()
    events = [post("/call/transcribe_portuguese", recording).json()["event_id"] for _ in range(5)]
    until(lambda: httpx.get(f"{api}/queue/status").json()["queue_size"] == 1)
    answers = [post("/queue/join", large) for _ in range(9)]
    small = post("/call/transcribe_portuguese", {"data": [None, False]})
    page.release()
    assert [answer.status_code for answer in answers] == [200] * 6 + [503] * 3
    assert answers[-1].json()["detail"].startswith("Queue is full: the requests in it are too large")
    assert small.status_code == 200
    for event in events:
        assert GOOD.reference in raw(f"{api}/call/transcribe_portuguese/{event}")


def status_of(stream: str) -> int:
    """Read only the status: a stream that the server still knows stays silent for longer than a client waits."""
    with httpx.stream("GET", stream) as answer:
        return answer.status_code


@pytest.mark.parametrize("way", ["call", "queue"])
def test_the_job_of_a_program_that_disconnects_stops(page, way):
    api = f"{page.address}/gradio_api"
    (path,) = httpx.post(f"{api}/upload", files={"files": (GOOD.path.name, GOOD.path.read_bytes())}).json()
    data = [{"path": path, "meta": {"_type": "gradio.FileData"}}, False]
    if way == "call":
        endpoint = f"{api}/call/transcribe_portuguese"
        page.hold()
        stream = f"{endpoint}/{httpx.post(endpoint, json={'data': data}).json()['event_id']}"
    else:
        handlers = httpx.get(f"{page.address}/config").json()["dependencies"]
        number = next(one["id"] for one in handlers if one["api_name"] == "transcribe_portuguese")
        page.hold()
        body = {"data": data, "fn_index": number, "session_hash": "leaving"}
        httpx.post(f"{api}/queue/join", json=body)
        stream = f"{api}/queue/data?session_hash=leaving"
    with httpx.stream("GET", stream):
        until((page.folder / "waiting").exists)
    until(lambda: status_of(stream) == 404)  # the server has noticed
    count = len(page.lines())
    page.release()
    until(lambda: len(page.lines()) > count)
    assert (page.lines()[-1]["ended"], page.lines()[-1]["sound_seconds"]) == ("stopped", 0.0)
    assert page.text() == GOOD.reference


def test_uploads_are_limited_and_deleted(page):
    api = f"{page.address}/gradio_api"
    refused = httpx.post(f"{api}/upload", files={"files": ("a.wav", bytes((1 << 20) + 1))})
    assert (refused.status_code, refused.text) == (413, "File size exceeded maximum allowed size of 1048576 bytes.")
    (path,) = httpx.post(f"{api}/upload", files={"files": ("a.wav", b"a talk of this test alone")}).json()
    assert Path(path).read_bytes() == b"a talk of this test alone"
    (page.folder / "hours pass").touch()
    until(lambda: not Path(path).exists())
    (page.folder / "hours pass").unlink()


def test_the_log_says_how_jobs_ended_and_contains_no_words_of_theirs(page, tmp_path):
    (tmp_path / "private talk.wav").write_bytes(b"hello")
    heard = page.submit().result(timeout=PATIENCE_SECONDS)
    with pytest.raises(AppError, match=r"private talk\.wav cannot be decoded"):
        page.text(tmp_path / "private talk.wav")
    (page.folder / "raise").write_text("bug")
    with pytest.raises(AppError):
        page.text()
    done, refused, failed = page.lines()[-3:]
    assert done.keys() == {"time", "level", "event", "job", "direction", "sound_seconds", "took_seconds", "ended"}
    assert (done["ended"], done["direction"], done["sound_seconds"]) == ("done", "pt", heard["duration_seconds"])
    assert (refused["ended"], refused["error"], refused["sound_seconds"]) == ("refused", "AudioError", 0.0)
    assert (failed["ended"], failed["error"]) == ("failed", "KeyError")
    assert len({line["job"] for line in page.lines()}) == len(page.lines())
    shown = page.log.read_text()
    secrets = [*(word for word in heard["text"].split() if len(word) > 4), GOOD.path.name, "private", "confidential"]
    assert [secret for secret in secrets if secret in shown] == []
    assert all(line.startswith("{") for line in shown[shown.index("{") :].splitlines())


def test_after_one_signal_each_other_ends_the_process():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        Stop()
        signal.raise_signal(signal.SIGTERM)
        assert {number: signal.getsignal(number) for number in SIGNALS} == dict.fromkeys(SIGNALS, signal.SIG_DFL)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_port_in_use_is_one_sentence():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        command = [sys.executable, "app.py", "--checkpoint", "tiny", "--host", "127.0.0.1", "--port", str(port)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert ended.returncode == 1
    assert f"error: port {port} is in use" in ended.stderr and "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_stop_finishes_the_running_job(page):
    """Stops the server of this file, so it has to be the last test that uses it."""
    page.hold()
    job = page.submit()
    until((page.folder / "waiting").exists)
    upload = f"{page.address}/gradio_api/upload"
    (path,) = httpx.post(upload, files={"files": ("b.wav", b"another of its own")}).json()
    page.process.send_signal(signal.SIGTERM)
    until(lambda: page.health() == (503, "stopping"))
    with pytest.raises(AppError, match="The server is being stopped and takes no new recordings: try again"):
        Client(page.address, verbose=False).predict(**request("pt", GOOD.path))
    assert not job.done()
    page.release()
    assert job.result(timeout=PATIENCE_SECONDS)["text"] == GOOD.reference
    assert page.process.wait(timeout=PATIENCE_SECONDS) == 0
    assert page.lines()[-1]["ended"] == "done"
    assert '"event": "stopped", "unfinished": 0' in page.log.read_text()
    assert not Path(path).exists()
