"""What tests share: one server on the tiny checkpoint, hostile files, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before they are imported: otherwise their assertions fail without saying what they found.
pytest.register_assert_rewrite("tests.support")

from benchmarks.served import served  # noqa: E402
from tests.support.hostile_files import HostileFile, hostile_files  # noqa: E402
from tests.support.recordings import MICROPHONE_SILENCE, microphone_recording  # noqa: E402

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # workers that share the cores would wait for each other's threads

settings.register_profile("any speed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")

SERVER_LOG = pytest.StashKey[Path]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the browser or a page, and put files with slow tests first.

    Then all processes end together.
    """
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        if "browser" in used:
            item.add_marker(pytest.mark.browser)
        if used & {"browser", "server"}:
            item.add_marker(pytest.mark.slow)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Add what the page shows, and what its server logged last, to the report of a failed test."""
    report = yield
    used = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and hasattr(used.get("page"), "inner_text"):
        report.sections.append(("What the page shows", used["page"].inner_text("body")))
    if report.failed and "server" in used and SERVER_LOG in item.config.stash:
        log = item.config.stash[SERVER_LOG].read_text(errors="replace")
        report.sections.append(("The last lines of the server's log", log[-4000:]))
    return report


@pytest.fixture(scope="session")
def server(tmp_path_factory, request) -> Iterator[str]:
    """The address of the page on the tiny checkpoint, opened by the command line."""
    log = tmp_path_factory.mktemp("server") / "log"
    request.config.stash[SERVER_LOG] = log
    with served(program=("-m", "kikitori", "page"), log=log) as (_, address):
        yield address


@pytest.fixture(scope="session")
def hostile(tmp_path_factory) -> list[HostileFile]:
    """Files that a stranger may upload. Read-only: tests must not modify them."""
    return hostile_files(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium whose microphone plays a Portuguese recording."""
    executable = shutil.which("chromium")
    if executable is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("REQUIRE_BROWSER is set and there is no chromium")
        pytest.skip("no chromium on this machine: install Debian's package chromium")
    import numpy as np
    import soundfile
    from playwright.sync_api import sync_playwright

    spoken = microphone_recording().path
    waveform, rate = soundfile.read(spoken)
    capture = Path(os.environ.get("TMPDIR", "/tmp")) / f"microphone-{os.getpid()}.wav"
    silence = np.zeros(round(MICROPHONE_SILENCE * rate))
    soundfile.write(capture, np.concatenate([silence, waveform]), rate, subtype="PCM_16")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    arguments += ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    arguments += [f"--use-file-for-fake-audio-capture={capture}%noloop"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield chromium
        chromium.close()
    capture.unlink()
