"""Steps of a visitor in a browser: open the page, open a tab, upload, run, and read the result."""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from mimetypes import guess_type
from pathlib import Path

from playwright.sync_api import Browser, Dialog, Error, Locator, Page, expect

from kikitori.transcript import Transcript
from tests.support.recordings import example
from tests.support.server import PATIENCE_SECONDS

TABS = {
    "diarize": "Call",
    "en2ja": "Translate",
    "ja2en": "Translate",
    "pt": "Portuguese",
    "transcribe": "Any language",
}
HINTS = {
    "diarize": "Japanese phone call",
    "en2ja": "English speech into Japanese",
    "ja2en": "English speech into Japanese",
    "pt": "Portuguese speech",
    "transcribe": "30 languages",
}
RUN = {
    "diarize": "Transcribe",
    "en2ja": "Translate",
    "ja2en": "Translate",
    "pt": "Transcribe",
    "transcribe": "Transcribe",
}
EXAMPLE_OF = {
    "diarize": "call_appointment",
    "en2ja": "english_travel",
    "pt": "portuguese_daily",
    "transcribe": "three_languages",
}
DOWNLOADS = {
    "txt": "Text",
    "times.txt": "Text with times",
    "srt": "Subtitles (SRT)",
    "vtt": "Subtitles (VTT)",
    "tsv": "Table (TSV)",
    "json": "JSON",
    "rttm": "Speakers (RTTM)",
    "docx": "Word (.docx)",
    "zip": "Everything (.zip)",
}

expect.set_options(timeout=1000 * PATIENCE_SECONDS)


def is_gradios_race(error: Error) -> bool:
    """Whether an error is one that Gradio 6.17.3 raises by itself in about one of a hundred page loads.

    Svelte's list code, which is part of Gradio, then meets an item whose parts are not loaded yet. Whenever that was
    seen, the page went on. No line of this project is on the stack; it is printed, so that a failed test shows it.
    """
    places = re.findall(r"https?://\S+", error.stack or "")
    is_race = "reading 'e'" in error.message and bool(places) and all("/assets/" in place for place in places)
    if is_race:
        print(f"Gradio's own error: {error.stack}")
    return is_race


@contextlib.contextmanager
def visit(
    browser: Browser, address: str, answer: Callable[[Dialog], None] = Dialog.accept, **options
) -> Iterator[Page]:
    """Open the page in a new browser context with these options. Fails if one of its scripts raises an error.

    answer: to what the page asks.
    """
    errors = []
    with contextlib.closing(browser.new_context(**options)) as context:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE_SECONDS)
        page.on("dialog", lambda dialog: answer(dialog))
        page.on("pageerror", lambda error: None if is_gradios_race(error) else errors.append(str(error)))
        page.goto(address)
        page.get_by_role("tab").first.wait_for()
        page.wait_for_function("window.speechPage?.views.length")  # before that, Gradio may lose a click
        try:
            yield page
        except Exception as error:
            # A script's error, or a sentence on the page, is often the reason why something else never came.
            print(page.locator("body").inner_text())
            assert errors == [], str(error)
            raise
    assert errors == []


def wait_until(page: Page, is_so: Callable[[], object]) -> None:
    """Wait for something that the test itself notes, such as a request."""
    for _ in range(int(PATIENCE_SECONDS / 0.05)):
        if is_so():
            return
        page.wait_for_timeout(50)
    raise TimeoutError


def shown_panel(page: Page) -> Locator:
    """The panel of the open tab."""
    return page.locator("[role=tabpanel]:visible")


def open_tab(page: Page, direction: str) -> Locator:
    """Open the tab of a direction, choose the direction, and return the panel."""
    page.get_by_role("tab", name=TABS[direction], exact=True).click()
    panel = shown_panel(page)
    expect(panel).to_contain_text(HINTS[direction])  # the earlier tab has disappeared
    if direction == "ja2en":
        start_again(panel)  # a transcript hides the choice
        panel.get_by_label("日本語 → English").check()
    return panel


def upload(panel: Locator, *paths) -> None:
    """Upload recordings in place of those that were chosen before."""
    start_again(panel)
    files = panel.locator(".block.files")
    clear_files(panel)
    files.locator("input[type=file]").set_input_files(paths)
    expect(files.get_by_role("link").filter(has_text="⇣")).to_have_count(len(paths))


def clear_files(panel: Locator) -> None:
    """Remove the recordings that were chosen; the button's label is in the visitor's language."""
    buttons = panel.locator(".block.files .icon-button-wrapper button")
    if buttons.count():
        buttons.last.click()
        expect(buttons).to_have_count(0)


def start_again(panel: Locator) -> None:
    """Go back from a transcript to the start of its tab."""
    if panel.get_attribute("data-state") == "transcript":
        panel.get_by_role("button", name="New transcript").click()
        panel.locator(".start").wait_for()


def run_button(panel: Locator, direction: str) -> Locator:
    """The button that starts a job; it is visible while no job runs."""
    return panel.get_by_role("button", name=RUN[direction], exact=True)


def choose_option(panel: Locator, label: str) -> None:
    """Check an option."""
    panel.get_by_label(label).check()


def words(panel: Locator) -> list[str]:
    """Wait for rows, and return the text of each."""
    panel.locator(".turn").first.wait_for()
    return panel.locator(".turn:not([hidden]) .words").all_inner_texts()


def speakers(panel: Locator) -> list[str]:
    """The speaker of each row."""
    return panel.locator(".turn:not([hidden]) .speaker").evaluate_all(
        "menus => menus.map(menu => menu.selectedOptions[0].textContent)"
    )


def transcribed(page: Page, direction: str, path) -> Locator:
    """Transcribe a recording, and return the panel that shows the transcript."""
    panel = open_tab(page, direction)
    upload(panel, path)
    run_to_the_end(panel, direction)
    return panel


def call_transcribed(page: Page) -> Locator:
    """Transcribe the example of a call, and return the panel that shows the transcript."""
    return transcribed(page, "diarize", example(EXAMPLE_OF["diarize"]).path)


def run_to_the_end(panel: Locator, direction: str) -> None:
    """Press the button, and wait until the job is done."""
    start_again(panel)
    run_button(panel, direction).click()
    panel.locator(".turn").first.wait_for()
    wait_for_end(panel)


def wait_for_end(panel: Locator) -> None:
    """Wait until no job runs: the button that stops one goes."""
    panel.locator(".stops").wait_for(state="hidden")


def shown_speaker(label: str) -> str:
    """What the page and files for people call the speaker with this label."""
    return re.sub(r"^spk_(\d+)$", lambda number: f"Speaker {int(number[1]) + 1}", label)


def shown_lines(transcript: Transcript) -> str:
    """The text of a transcript with speakers, as the page saves it."""
    return "".join(f"[{shown_speaker(turn.speaker)}]: {turn.text}\n" for turn in transcript.turns)


def choose_speaker(panel: Locator, row: int, name: str) -> None:
    """Give a row to a speaker. Its menu is filled when it gets the focus."""
    menu = panel.get_by_label("Speaker of this row").nth(row)
    menu.focus()
    menu.select_option(label=name)


def retype(panel: Locator, row: int, text: str) -> None:
    """Replace the text of a row, and leave it. The empty text deletes the row."""
    field = panel.get_by_label("Text of this row", exact=True).nth(row)
    field.fill(text)
    field.blur()


def put_cursor(page: Page, panel: Locator, row: int, place: int) -> None:
    """Put the text cursor into a row, after so many characters."""
    panel.locator(".words").nth(row).click()
    page.keyboard.press("Home")
    for _ in range(place):
        page.keyboard.press("ArrowRight")


def rename(panel: Locator, speaker: str, name: str) -> None:
    """Give a speaker another name."""
    panel.get_by_label(f"Rename {speaker}").fill(name)
    panel.get_by_label(f"Rename {speaker}").press("Enter")


VIEW_OF = """() => {
    const visible = [...document.querySelectorAll('[role=tabpanel]')].find(panel => panel.offsetParent);
    return speechPage.views.find(view => visible.contains(view.element));
}"""
"""JavaScript that finds the view of the open tab."""
JSON_OF = f"key => ({VIEW_OF})().sheet[key]"
"""JavaScript that returns a part of the recording that the open tab shows."""


NO_SESSION_STORAGE = """Object.defineProperty(window, "sessionStorage", {
    get() { throw new DOMException("no", "SecurityError"); },
})"""
"""JavaScript that forbids a page's storage, as a browser may do."""


def note_seeks(panel: Locator) -> None:
    """Note where the player is sent from now on, for `last_seek`."""
    sound = panel.locator(".transcript audio")
    sound.evaluate(
        """async sound => {
            if (sound.seeking) await new Promise(done => sound.addEventListener('seeked', done, { once: true }));
            delete window.sought;
            sound.addEventListener('seeking', () => (window.sought = sound.currentTime));
        }"""
    )


def last_seek(page: Page) -> float:
    """Where the player was sent last, in seconds. It may play on from there."""
    return page.wait_for_function("window.sought").json_value()


def note_marked_words(page: Page) -> None:
    """Note in `window.marked` which words are marked from now on, however briefly each is."""
    page.evaluate(
        """() => {
            window.marked = [];
            const note = ({ target }) => target.matches('.word.now') && window.marked.push(target.textContent);
            new MutationObserver(changes => changes.forEach(note)).observe(document.body, {
                subtree: true, attributeFilter: ['class'],
            });
        }"""
    )


def download_button(panel: Locator) -> Locator:
    """The button that opens the Download menu; Gradio's player has one of the same name."""
    return panel.locator(".transcript").get_by_role("button", name="Download", exact=True)


def choose_download(panel: Locator, suffix: str) -> None:
    """Open the Download menu, and choose a format."""
    download_button(panel).click()
    panel.get_by_role("menuitem", name=DOWNLOADS[suffix], exact=True).click()


def saved_bytes(page: Page, panel: Locator, suffix: str) -> tuple[str, bytes]:
    """Save a format; returns the file's name and content."""
    with page.expect_download() as caught:
        choose_download(panel, suffix)
    return caught.value.suggested_filename, caught.value.path().read_bytes()


def saved(page: Page, panel: Locator, suffix: str) -> tuple[str, str]:
    """Save a text format; returns the file's name and text."""
    name, content = saved_bytes(page, panel, suffix)
    return name, content.decode()


def saved_transcript(page: Page, panel: Locator) -> Transcript:
    """Save as JSON; returns what the file holds."""
    return Transcript.from_dict(json.loads(saved(page, panel, "json")[1]))


DROP = """([files, selector, events]) => {
    const dropped = new DataTransfer();
    for (const [name, type, content] of files) {
        const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
        dropped.items.add(new File([bytes], name, { type }));
    }
    const event = type => new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: dropped });
    return events.map(type => document.querySelector(selector).dispatchEvent(event(type))).at(-1);
}"""


def drag(page: Page, *paths, events: tuple[str, ...] = ("dragover",), place: str = "h1") -> bool:
    """Drag files to a place; returns whether the browser would do what it does by itself."""
    return page.evaluate(DROP, [contents(paths), place, events])


def contents(paths: Iterable[Path]) -> list[list[str]]:
    """The files as DROP takes them."""
    return [[path.name, guess_type(path)[0] or "", base64.b64encode(path.read_bytes()).decode()] for path in paths]


def drop(page: Page, *paths, place: str = "h1") -> bool:
    """Drop files, by default beside all boxes; returns whether the browser would open them."""
    return drag(page, *paths, events=("dragover", "drop"), place=place)


def drop_each(page: Page, *paths) -> None:
    """Drop files beside all boxes, one right after the other."""
    page.evaluate(f"drops => drops.map({DROP})", [[contents([path]), "h1", ["drop"]] for path in paths])
