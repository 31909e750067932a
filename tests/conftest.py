"""What tests share: the recordings with what was said in them, and one server on the tiny checkpoint."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hostile_files import HostileFile, hostile_files

from benchmarks.served import ROOT, served
from speech.transcript import Turn, join_texts, parse_turns

RECORDINGS = ROOT / "tests" / "recordings"
EXAMPLES = ROOT / "examples"
PATIENCE_SECONDS = 120
"""For what a broken program would never do; a limit, not a measurement."""

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that use the browser or a page are marked as such."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        if "browser" in used:
            item.add_marker(pytest.mark.browser)
        if used & {"browser", "server"}:
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True)
class Recording:
    """A file and what it should become."""

    path: Path
    direction: str
    reference: str  # with speaker tags in calls
    said: str = ""  # the words in their own language, except in calls

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Of the reference: one a speaker's turn in calls, else one."""
        return parse_turns(self.reference)[0]

    @property
    def text(self) -> str:
        """The words of the reference."""
        return join_texts(turn.text for turn in self.turns)


def who_said_what(turns: Iterable[Turn]) -> list[tuple[str | None, str]]:
    """Speaker and text of each."""
    return [(turn.speaker, turn.text) for turn in turns]


def recordings_in(folder: Path, direction: str | None = None) -> list[Recording]:
    """All of a folder, or those of one direction."""
    references = json.loads((folder / "references.json").read_text(encoding="utf-8"))
    found = [Recording(folder / name, **entry) for name, entry in references.items()]
    return [recording for recording in found if direction in (None, recording.direction)]


def one_recording(direction: str) -> Recording:
    return recordings_in(RECORDINGS, direction)[0]


def example(stem: str) -> Recording:
    """One of those that the page offers."""
    return next(recording for recording in recordings_in(EXAMPLES) if recording.path.stem == stem)


def microphone_recording() -> Recording:
    """What the fake microphone plays: one that comes through the browser's noise suppression."""
    return next(recording for recording in recordings_in(RECORDINGS) if recording.path.stem == "pt_3")


def until(happened: Callable[[], object]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def jobs_in(log: Path) -> list[dict]:
    """What a page's log says of jobs that have ended."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"time"')]
    return [line for line in lines if line["event"] == "job"]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of the page on the tiny checkpoint."""
    with served() as (_, address):
        yield address


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> list[HostileFile]:
    """Whatever a stranger may hand in; who tests with them leaves them as they are."""
    return hostile_files(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium whose microphone plays a Portuguese recording."""
    executable = shutil.which("chromium")
    if executable is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("REQUIRE_BROWSER is set and there is no chromium")
        pytest.skip("no chromium on this machine: install Debian's package chromium")
    import soundfile
    from playwright.sync_api import sync_playwright

    spoken = microphone_recording().path
    waveform, rate = soundfile.read(spoken)
    capture = Path(os.environ.get("TMPDIR", "/tmp")) / f"microphone-{os.getpid()}.wav"
    soundfile.write(capture, waveform, rate, subtype="PCM_16")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    arguments += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    arguments += [f"--use-file-for-fake-audio-capture={capture}%noloop"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield chromium
        chromium.close()
    capture.unlink()
