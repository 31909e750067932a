"""Times keystrokes in a long transcript: `python -m benchmarks.typing`. Needs chromium.

A four-hour call with 3,000 turns is put into the page's editor. The time of a key is that from its event to the next
picture on the screen. Prints the median, the 95th percentile and the maximum in milliseconds.
"""

from __future__ import annotations

import shutil
import statistics

from playwright.sync_api import sync_playwright

from benchmarks.served import served

TURNS = 3000
SECONDS = 4 * 3600
KEYS = 200
TARGET_MS = 50
OPEN = """async ([turns, seconds]) => {
    const view = speechPage.views[0];
    const each = seconds / turns;
    const turn = number => ({
        speaker: `spk_${number % 2}`, text: "もしもし、山本と申します。健康診断の予約をお願いします。",
        timing: "window", start_seconds: number * each, end_seconds: (number + 1) * each, words: [],
        low_confidence: [[0, 4]], source: "", language: "",
    });
    const transcript = {
        audio: "call.wav", direction: "diarize", language: "Japanese", checkpoint: "tiny", raw_text: "",
        turns: Array.from({ length: turns }, (_, number) => turn(number)), warnings: [], duration_seconds: seconds,
    };
    const times = transcript.turns.map(({ start_seconds, end_seconds }) => [start_seconds, end_seconds]);
    const levels = btoa(String.fromCharCode(...new Uint8Array(75)).repeat(seconds / 3));
    const peaks = { levels, each: 1 / 25 };
    const sheet = { transcript, times, speakers: ["spk_0", "spk_1"], sound: "call.wav", peaks };
    await view.keeper.add({ sheets: [sheet], current: 0, references: [] });
}"""
WATCH = """() => {
    window.spent = [];
    addEventListener("keydown", event => {
        const start = event.timeStamp;
        requestAnimationFrame(() => setTimeout(() => window.spent.push(performance.now() - start)));
    }, true);
}"""


def time_keys(address: str) -> list[float]:
    """Return the time of each key in milliseconds, in order."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page()
        page.goto(address)
        page.get_by_role("tab").first.wait_for()
        page.wait_for_function("window.speechPage?.views.length > 0")
        page.evaluate(OPEN, [TURNS, SECONDS])
        page.locator(".words").nth(TURNS // 2).click()
        page.evaluate(WATCH)
        for _ in range(KEYS):
            page.keyboard.type("a", delay=20)
        page.wait_for_function(f"window.spent.length === {KEYS}")
        spent = page.evaluate("window.spent")
        chromium.close()
    return spent


def main() -> int:
    """Print the times; return 1 if the 95th percentile misses the target."""
    with served() as (_, address):
        spent = sorted(time_keys(address))
    slow = spent[int(0.95 * len(spent))]
    print(f"{TURNS:,} turns, {len(spent)} keys, milliseconds from the key to the next picture:")
    print(f"median {statistics.median(spent):.1f}, 95 % within {slow:.1f}, longest {spent[-1]:.1f}")
    return int(slow >= TARGET_MS)


if __name__ == "__main__":
    raise SystemExit(main())
