"""Take the README's pictures: `python tests/screenshots.py` writes assets/page-*.png. Needs chromium."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from conftest import EXAMPLES, ROOT, start_server
from playwright.sync_api import sync_playwright

PICTURES = {
    "page-diarize.png": ("Diarized Japanese", "Transcribe", "call_appointment.flac"),
    "page-translate.png": ("English ↔ Japanese", "Translate", "english_travel.flac"),
    "page-portuguese.png": ("Portuguese", "Transcribe", "portuguese_daily.flac"),
}


def main() -> int:
    """Run an example on each tab and take its picture."""
    process, address = start_server("--port", "7898")
    try:
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for picture, (tab, button, example) in PICTURES.items():
                page = chromium.new_page(viewport={"width": 1280, "height": 860})
                page.set_default_timeout(120_000)
                page.goto(address)
                page.get_by_role("tab", name=tab).click()
                panel = page.locator("[role=tabpanel]:visible")
                panel.locator("input[type=file]").set_input_files(EXAMPLES / example)
                panel.locator("[data-testid*=waveform]").first.wait_for()
                if button == "Translate":
                    panel.get_by_role("button", name="Options").click()
                    panel.get_by_label("Show what was said").check()
                panel.get_by_role("button", name=button, exact=True).click()
                panel.locator(".turn").first.wait_for()
                panel.get_by_role("button", name=button, exact=True).wait_for()
                page.mouse.move(0, 0)
                page.wait_for_timeout(1500)  # the waveform is drawn in steps
                page.screenshot(path=ROOT / "assets" / picture)
            chromium.close()
    finally:
        process.terminate()
        process.wait(timeout=30)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
