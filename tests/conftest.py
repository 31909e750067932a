"""What tests share: the recordings with what was said in them, and one server on the tiny checkpoint."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECORDINGS = ROOT / "tests" / "recordings"
EXAMPLES = ROOT / "examples"

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"


@dataclass(frozen=True)
class Recording:
    """A file and what it should become."""

    path: Path
    direction: str
    reference: str  # with speaker tags in calls
    said: str = ""  # the words in their own language, except in calls


def recordings_in(folder: Path) -> list[Recording]:
    references = json.loads((folder / "references.json").read_text(encoding="utf-8"))
    return [Recording(folder / name, **entry) for name, entry in references.items()]


def one_recording(direction: str) -> Recording:
    return next(recording for recording in recordings_in(RECORDINGS) if recording.direction == direction)


def microphone_recording() -> Recording:
    """What the fake microphone plays: one that comes through the browser's noise suppression."""
    return next(recording for recording in recordings_in(RECORDINGS) if recording.path.stem == "pt_3")


def start_server(
    *options: str, log: Path | None = None, program: Sequence[str] = ("app.py",)
) -> tuple[subprocess.Popen, str]:
    """Start app.py as a user does and wait for the address that it prints.

    log: a new file for what it prints, on both outputs. program: another one that serves the page.
    """
    command = [sys.executable, "-u", *program, "--checkpoint", "tiny", "--port", str(free_port()), *options]
    with open(log, "w+b") if log else tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT)
        while process.poll() is None:
            if address := re.search(rb"local URL: +(http://\S+:\d+)", os.pread(output.fileno(), 1 << 16, 0)):
                return process, address[1].decode()
            time.sleep(0.1)
        said = os.pread(output.fileno(), 1 << 16, 0).decode()
        raise AssertionError(f"app.py ended before it served anything:\n{said}")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of the page on the tiny checkpoint."""
    process, address = start_server()
    yield address
    process.terminate()
    process.wait(timeout=120)


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
