"""The page's four tabs. Each shows the recording on the left and its text on the right, and has an endpoint.

Gradio components appear here, in handlers.py and in gradio_guards.py only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from kikitori.page.gradio_guards import Page, refuse_addresses  # isort: skip, sets what Gradio reads when imported
import gradio as gr

from kikitori.audio.files import known_seconds
from kikitori.languages import AUTO, OWN_NAMES
from kikitori.page.handlers import (
    Checkpoints,
    api_handler,
    button_updates,
    call_handler,
    page_handler,
    stop_running,
    write_file,
)
from kikitori.page.jobs import compare_shown
from kikitori.page.texts import PREFIX, TASK_NAMES, TEXTS, translations
from kikitori.strings import format_time
from kikitori.tasks import CHECKPOINTS, PACKAGE, TASKS, TINY

EXAMPLES = PACKAGE / "examples" if (PACKAGE / "examples").is_dir() else PACKAGE.parent / "examples"
"""Inside an installed package, or next to the package in a clone."""
MAX_AT_ONCE = 4
"""Jobs that run at the same time. Their windows take turns, so that a clip need not wait for a two-hour call."""
KEEP_SECONDS = LOOK_EVERY_SECONDS = 3600
"""How long an upload is kept at least, and how often old ones are looked for."""
JOBS_SHARE = {"concurrency_id": "model", "concurrency_limit": MAX_AT_ONCE}
"""Gradio applies the lowest limit of all events that share an id to each of them."""
FILLED_BY_SCRIPT = {"value": None, "html_template": "<div></div>", "apply_default_css": False}
"""Of components whose content static/ makes: Gradio must neither render nor style it."""
INPUT_NOTE = (
    "The recording is an uploaded file, or a `data:` address such as data:audio/flac;base64,…; no other is fetched."
)
TITLE = "Speech to text"
"""For programs, and until static/gradio_fixes.js has written it in the visitor's language."""
I18N = gr.I18n(**translations())


@dataclass(frozen=True)
class Tab:
    """What differs between the tabs.

    key: of its texts in languages/. examples: name of the file in examples/, and its direction.
    """

    key: str
    directions: tuple[str, ...]
    endpoint: str
    examples: tuple[tuple[str, str], ...]

    @property
    def translates(self) -> bool:
        """Whether there is a direction to choose."""
        return len(self.directions) > 1

    @property
    def takes_any(self) -> bool:
        """Whether there is a language to choose."""
        return TASKS[self.directions[0]].takes_any

    def first_option(self, direction: str) -> list[str]:
        """What the first option is for a direction, if there is something to choose."""
        return [direction] if self.translates else [AUTO] if self.takes_any else []


TABS = (
    Tab("diarize", ("diarize",), "diarize", (("call_appointment", "diarize"), ("call_order", "diarize"))),
    Tab("translate", ("en2ja", "ja2en"), "translate", (("english_travel", "en2ja"), ("japanese_travel", "ja2en"))),
    Tab("portuguese", ("pt",), "transcribe_portuguese", (("portuguese_daily", "pt"), ("portuguese_shopping", "pt"))),
    Tab("any", ("transcribe",), "transcribe", (("three_languages", "transcribe"), ("japanese_travel", "transcribe"))),
)


def build_page(checkpoints: Checkpoints = CHECKPOINTS) -> gr.Blocks:
    """Build the page. checkpoints: by role, from `choose_checkpoints`."""
    with Page(title=TITLE, delete_cache=(LOOK_EVERY_SECONDS, KEEP_SECONDS)) as page:
        gr.Markdown(text("title"))
        if TINY in checkpoints.values():
            gr.Markdown(text("tiny"), elem_classes="speech-note")
        for tab in TABS:
            # Children of a tab that is not rendered at once lose their examples.
            with gr.Tab(text(f"{tab.key}_tab"), id=tab.endpoint, elem_id=tab.endpoint, render_children=True):
                build_tab(tab, checkpoints)
    return page


def build_tab(tab: Tab, checkpoints: Checkpoints) -> None:
    """Build one tab and connect its buttons."""
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300, scale=2, elem_classes="source-side"):
            source = build_source(tab, checkpoints)
        with gr.Column(min_width=300, scale=3):
            result = build_result(tab)
    connect(tab, checkpoints, source, result)
    add_endpoint(tab, checkpoints, [source.audio, *source.options])


def text(key: str):
    """A text of languages/ in the language of the visitor's browser."""
    return I18N(PREFIX + key)


@dataclass(frozen=True)
class Source:
    """The left side of a tab."""

    audio: gr.Audio
    several: gr.File
    options: list[gr.components.Component]
    run: gr.Button
    stop: gr.Button
    examples: gr.Examples


@dataclass(frozen=True)
class Result:
    """The right side of a tab. translate: the button that translates a call. compared: the comparison."""

    message: gr.HTML
    view: gr.HTML
    translate: gr.Button | None
    compared: gr.HTML | None


def build_source(tab: Tab, checkpoints: Checkpoints) -> Source:
    """Build the left side: the recording, the options and the buttons."""
    gr.Markdown(text(f"{tab.key}_hint"))
    audio = gr.Audio(
        sources=["upload", "microphone"],
        type="filepath",
        label=text("recording"),
        buttons=["download"],
        elem_classes="recording",
    )
    with gr.Accordion(text("several"), open=False, elem_classes="several"):
        several = gr.File(file_count="multiple", file_types=["audio", "video"], height=140, label=text("several"))
    options = build_options(tab)
    name = text("translate" if tab.translates else "transcribe")
    run = gr.Button(name, variant="primary", elem_classes="places")
    stop = gr.Button(text("stop"), variant="stop", visible=False, elem_classes=["places", "stops"])
    rows = [[str(example_path(name)), *tab.first_option(direction)] for name, direction in tab.examples]
    examples = gr.Examples(
        rows,
        [audio, *options][: len(rows[0])],
        label=text("examples"),
        example_labels=[example_label(name) for name, _ in tab.examples],
        api_visibility="private",
    )
    return Source(refuse_addresses(audio), refuse_addresses(several), options, run, stop, examples)


def example_path(name: str) -> Path:
    """The file of an example."""
    return EXAMPLES / f"{name}.flac"


def example_label(name: str) -> str:
    """What an example is, and its length, in English: static/gradio_fixes.js translates it, Gradio does not."""
    return f"{TEXTS['en']['view'][f'example_{name}']} · {format_time(known_seconds(example_path(name)))}"


def build_options(tab: Tab) -> list[gr.components.Component]:
    """Build the tab's options, in the order of `job_options`."""
    first = []
    if tab.translates:
        choices = [(TASK_NAMES[name], name) for name in tab.directions]
        first = [gr.Radio(choices, value=tab.directions[0], label=text("direction"))]
    if tab.takes_any:
        # Programs may send codes, which are no choices.
        first = [gr.Dropdown(language_choices(), value=AUTO, allow_custom_value=True, label=text("language"))]
    with gr.Accordion(text("options"), open=False):
        check_box = gr.Checkbox(label=text("source" if tab.translates else "align"))
        # The last ones, so that programs may leave them out.
        return [*first, check_box, *(gr.Textbox("", label=text(key), lines=2) for key in ("context", "replace"))]


def language_choices() -> list[tuple[str, str]]:
    """The languages by their own and their English names, which can be searched, after the choice to detect them."""
    named = {name: own if own == name else f"{own} · {name}" for name, own in sorted(OWN_NAMES.items())}
    return [("Auto", AUTO), *((label, name) for name, label in named.items())]


def build_result(tab: Tab) -> Result:
    """Build the right side: the message and the transcript, and what can be done with it."""
    message = gr.HTML(
        js_on_load="speechPage.mountMessage(element, props, watch)", elem_classes="message", **FILLED_BY_SCRIPT
    )
    view = gr.HTML(
        js_on_load=f"speechPage.mountView(element, props, server, watch, '{tab.key}')",
        server_functions=[write_file],
        elem_classes="transcript",
        **FILLED_BY_SCRIPT,
    )
    compared = build_comparison(tab.key, view) if tab.key == "portuguese" else None
    translate = (
        gr.Button(text("translate_call"), size="sm", elem_classes="translates") if tab.key == "diarize" else None
    )
    return Result(message, view, translate, compared)


def build_comparison(key: str, view: gr.HTML) -> gr.HTML:
    """Build the comparison with a reference text, below the transcript; returns the component that shows it."""
    with gr.Accordion(text("compare"), open=False):
        reference = gr.Textbox(label=text("reference"), lines=3)
        button = gr.Button(text("compare_now"), size="sm")
        compared = gr.HTML(js_on_load="speechPage.mountComparison(element, props, watch)", **FILLED_BY_SCRIPT)
    # One at a time: each takes a processor for itself.
    button.click(
        compare_shown,
        [view, reference],
        [compared],
        js=f"(view, reference) => [speechPage.shown('{key}'), reference]",
        concurrency_limit=1,
        show_progress="hidden",
        api_visibility="private",
    )
    return compared


def connect(tab: Tab, checkpoints: Checkpoints, source: Source, result: Result) -> None:
    """Connect the buttons to their handlers."""
    files = [source.audio, source.several]
    outputs, buttons = [result.message, result.view], [source.run, source.stop]
    # The message shows the place in the queue.
    event = {"api_visibility": "private", "show_progress": "minimal", "show_progress_on": [result.message]}
    event |= JOBS_SHARE
    triggers = [source.run.click, source.examples.load_input_event.then]  # an example is transcribed at once
    offers = offer_buttons(tab)
    others = [button.click for button in (*offers.values(), result.translate) if button]
    for trigger in (*triggers, *others):
        show_start(trigger, source, result)
    handler = page_handler(tab.directions, checkpoints)
    inputs = [*files, *source.options]
    jobs = [trigger(handler, inputs, outputs, **event) for trigger in triggers]
    for direction, button in offers.items():
        js = f"(audio, several, ...options) => speechPage.moved({json.dumps(tab.first_option(direction))}, options)"
        in_browser(button.click, inputs, js, inputs)
        jobs.append(button.click(handler, inputs, outputs, js=js, **event))
    if result.translate:
        js = f"(audio, several, view) => [audio, several, speechPage.shown('{tab.key}')]"
        jobs.append(result.translate.click(call_handler(checkpoints), [*files, result.view], outputs, js=js, **event))
    source.stop.click(
        stop_running,
        None,
        [*outputs, *buttons],
        cancels=jobs,
        queue=False,
        api_visibility="private",
    )
    at_rest = json.dumps(button_updates(running=False))
    for job in jobs:
        # Not with the job's last output: Gradio ignores a click on a button whose job has not quite ended.
        in_browser(job.then, buttons, f"() => {at_rest}")
        # What the queue or ZeroGPU refuses; Gradio shows why.
        in_browser(job.failure, [*outputs, *buttons], f"speechPage.ended({at_rest})", [result.message])
    for chosen in (source.audio.upload, source.audio.stop_recording, source.several.upload):
        in_browser(chosen, [result.message], "() => null")


def offer_buttons(tab: Tab) -> dict[str, gr.Button]:
    """Direction -> the hidden button that static/offers.js presses to bring a recording from another tab."""
    return {direction: gr.Button(elem_id=f"offer_{direction}", visible="hidden") for direction in tab.directions}


def show_start(trigger, source: Source, result: Result) -> None:
    """Show at once that a job was started: no earlier message or comparison, and the stop button."""
    values = [None, *button_updates(running=True)]
    outputs = [result.message, source.run, source.stop]
    if result.compared:
        values.append(None)
        outputs.append(result.compared)
    in_browser(trigger, outputs, f"() => {json.dumps(values)}")


def in_browser(trigger, outputs: list, js: str, inputs: tuple | list = ()) -> None:
    """Set what components show without the server, so that it works for visitors who wait in the queue."""
    trigger(None, inputs, outputs, js=js, queue=False, api_visibility="private")


def add_endpoint(tab: Tab, checkpoints: Checkpoints, inputs: list) -> None:
    """Add the endpoint for programs, on a button that nobody sees.

    `gr.api` would take its inputs from type hints, without `refuse_addresses`.
    """
    record = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        api_handler(tab.endpoint, tab.directions, checkpoints),
        inputs,
        [record],
        api_name=tab.endpoint,
        api_description=f"{TEXTS['en']['interface'][f'{tab.key}_hint']} Returns the Transcript as JSON. {INPUT_NOTE}",
        **JOBS_SHARE,
    )
