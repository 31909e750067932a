"""Take the README's pictures: `python -m tests.support.screenshots` writes assets/page-*.png. Needs chromium."""

from __future__ import annotations

import shutil

from playwright.sync_api import sync_playwright

from benchmarks.served import ROOT, served
from tests.support.browser import choose_option, open_tab, run_to_the_end, upload, visit
from tests.support.recordings import EXAMPLES

PICTURES = {
    "page-diarize.png": ("diarize", "call_appointment.flac"),
    "page-translate.png": ("en2ja", "english_travel.flac"),
    "page-portuguese.png": ("pt", "portuguese_daily.flac"),
    "page-any-language.png": ("transcribe", "three_languages.flac"),
}


def main() -> int:
    """Run an example on each tab and take its picture."""
    with served() as (_, address), sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for picture, (direction, example) in PICTURES.items():
            with visit(chromium, address, viewport={"width": 1280, "height": 860}) as page:
                panel = open_tab(page, direction)
                upload(panel, EXAMPLES / example)
                if direction == "en2ja":
                    choose_option(panel, "Show original beside translation")
                run_to_the_end(panel, direction)
                page.mouse.move(0, 0)
                page.wait_for_timeout(1500)  # the waveform is drawn in steps
                page.screenshot(path=ROOT / "assets" / picture)
        chromium.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
