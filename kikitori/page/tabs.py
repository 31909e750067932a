"""The page's tabs. Four are what a visitor chooses, and then the transcript; each has an endpoint for programs.

The fifth, Live, is made by static/live.js.

Gradio components appear here, in start.py, in handlers.py and in gradio_guards.py only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from kikitori.page.gradio_guards import Page  # isort: skip, sets what Gradio reads when imported
import gradio as gr

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
from kikitori.page.start import (
    FILLED_BY_SCRIPT,
    Start,
    build_examples,
    build_start,
    direction_choices,
    language_choices,
    text,
)
from kikitori.page.tab import LIVE, TABS, Tab
from kikitori.page.texts import TEXTS
from kikitori.tasks import CHECKPOINTS, TINY

MAX_AT_ONCE = 4
"""Jobs that run at the same time. Their windows take turns, so that a clip need not wait for a two-hour call."""
KEEP_SECONDS = LOOK_EVERY_SECONDS = 3600
"""How long an upload is kept at least, and how often old ones are looked for."""
JOBS_SHARE = {"concurrency_id": "model", "concurrency_limit": MAX_AT_ONCE}
"""Gradio applies the lowest limit of all events that share an id to each of them."""
INPUT_NOTE = (
    "The recording is an uploaded file, or a `data:` address such as data:audio/flac;base64,…; no other is fetched."
)
COMPARE = "compare"
"""The id of the button that compares a transcript with a reference."""
TITLE = "Speech to text"
"""For programs, and until static/gradio_fixes.js has written it in the visitor's language."""


def build_page(checkpoints: Checkpoints = CHECKPOINTS) -> gr.Blocks:
    """Build the page. checkpoints: by role, from `choose_checkpoints`."""
    with Page(title=TITLE, delete_cache=(LOOK_EVERY_SECONDS, KEEP_SECONDS)) as page:
        gr.Markdown(text("title"))
        if TINY in checkpoints.values():
            gr.Markdown(text("tiny"), elem_classes="speech-note")
        for tab in TABS:
            # Children of a tab that is not rendered at once lose their examples.
            with gr.Tab(text(f"{tab.key}_tab"), id=tab.endpoint, elem_id=tab.endpoint, render_children=True) as shown:
                build_tab(tab, checkpoints)
            note_opened(shown, tab.key)
        with gr.Tab(text(f"{LIVE}_tab"), id=LIVE, elem_id=LIVE, render_children=True) as shown:
            build_live()
        note_opened(shown, LIVE)
    return page


def note_opened(shown: gr.Tab, key: str) -> None:
    """Tell the script when a tab is opened."""
    in_browser(shown.select, [], f"() => {{ speechPage.opened('{key}'); return []; }}")


def build_live() -> None:
    """Build the Live tab. It has no Gradio events: a stream of Gradio's would hold a place in the queue."""
    gr.Markdown(text(f"{LIVE}_hint"), elem_classes="hint")
    choices = {"languages": language_choices(), "directions": direction_choices()}
    gr.HTML(choices, js_on_load="speechPage.mountLive(element, props)", elem_classes="live", **FILLED_BY_SCRIPT)


def build_tab(tab: Tab, checkpoints: Checkpoints) -> None:
    """Build one tab and connect its buttons."""
    start = build_start(tab)
    comparison = build_comparison(tab) if tab.compares else None
    work = build_work(tab)
    build_examples(tab, start)
    result = build_result(tab, comparison)
    connect(tab, checkpoints, start, work, result)
    add_endpoint(tab, checkpoints, [start.microphone, *start.options])


@dataclass(frozen=True)
class Work:
    """The buttons that start and stop a job, and how far it has got."""

    run: gr.Button
    stop: gr.Button
    message: gr.HTML


@dataclass(frozen=True)
class Comparison:
    """A reference text, which may be given before a job or after it, and its comparison with the transcript."""

    reference: gr.Textbox
    compare: gr.Button
    shown: gr.HTML


@dataclass(frozen=True)
class Result:
    """What a job makes. translate: the button that translates a call."""

    view: gr.HTML
    comparison: Comparison | None
    translate: gr.Button | None


def build_comparison(tab: Tab) -> Comparison:
    """Build the field for the reference, its button and the comparison."""
    with gr.Row(equal_height=True, elem_classes="reference"):
        reference = gr.Textbox(label=text("reference"), lines=2, scale=4)
        compare = gr.Button(
            text("compare_now"), scale=1, min_width=200, elem_id=COMPARE, elem_classes="with-transcript"
        )
    shown = build_script_part(f"speechPage.mountComparison(element, props, watch, '{tab.key}')", "comparison")
    return Comparison(reference, compare, shown)


def build_work(tab: Tab) -> Work:
    """Build the buttons and the message."""
    name = text("translate" if tab.translates else "transcribe")
    run = gr.Button(name, variant="primary", elem_classes=["places", "runs"])
    stop = gr.Button(text("stop"), variant="stop", visible=False, elem_classes=["places", "stops"])
    message = build_script_part("speechPage.mountMessage(element, props, watch)", "message")
    return Work(run, stop, message)


def build_script_part(mount: str, name: str, **options) -> gr.HTML:
    """Build a component that a function of static/ fills. name: its CSS class."""
    return gr.HTML(None, js_on_load=mount, elem_classes=name, **FILLED_BY_SCRIPT, **options)


def build_result(tab: Tab, comparison: Comparison | None) -> Result:
    """Build the transcript, and what can be done with it."""
    mount = f"speechPage.mountView(element, props, server, watch, '{tab.key}')"
    view = build_script_part(mount, "transcript", server_functions=[write_file])
    translate = None
    if tab.has_calls:
        translate = gr.Button(text("translate_call"), size="md", elem_classes=["with-transcript", "translates"])
    return Result(view, comparison, translate)


def connect(tab: Tab, checkpoints: Checkpoints, start: Start, work: Work, result: Result) -> None:
    """Connect the buttons to their handlers."""
    jobs = connect_jobs(tab, checkpoints, start, work, result)
    outputs, buttons = [work.message, result.view], [work.run, work.stop]
    work.stop.click(
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
        in_browser(job.failure, [*outputs, *buttons], f"speechPage.ended({at_rest})", [work.message])
    if result.comparison:
        connect_comparison(tab, jobs, result)
    empty = gr.Button(elem_id=f"empty_{tab.key}", visible="hidden")  # static/file_box.js presses it
    in_browser(empty.click, [start.microphone, start.files], "() => [null, null]")
    # The recordings that were chosen last are transcribed.
    in_browser(start.files.upload, [work.message, start.microphone], "() => [null, null]")
    in_browser(start.microphone.stop_recording, [work.message, start.files], "() => [null, null]")


def connect_jobs(tab: Tab, checkpoints: Checkpoints, start: Start, work: Work, result: Result) -> list:
    """Connect all buttons that start a job; returns the jobs, for the stop button."""
    recordings = [start.microphone, start.files]
    retry, first = retry_button(tab)
    inputs, outputs = [*recordings, *start.options, first], [work.message, result.view]
    # The message shows the place in the queue.
    event = {"api_visibility": "private", "show_progress": "minimal", "show_progress_on": [work.message]}
    event |= JOBS_SHARE
    offers = offer_buttons(tab)
    for button in (work.run, *offers.values(), retry, result.translate):
        if button:
            show_start(button.click, work, result)
    handler = page_handler(tab.directions, checkpoints)
    js = f"(...inputs) => speechPage.begun('{tab.key}', inputs)"
    jobs = [work.run.click(handler, inputs, outputs, js=js, **event)]
    for direction, button in offers.items():
        first_option = json.dumps(tab.first_option(direction))
        js = f"(microphone, files, ...options) => speechPage.taken('{tab.key}', {first_option}, options)"
        in_browser(button.click, inputs, js, inputs)
        jobs.append(button.click(handler, inputs, outputs, js=js, **event))
    js = f"(microphone, files, ...inputs) => speechPage.retried('{tab.key}', inputs)"
    jobs.append(retry.click(handler, inputs, outputs, js=js, **event))
    if result.translate:
        js = f"(microphone, files, view) => speechPage.translated('{tab.key}')"
        handler = call_handler(checkpoints)
        jobs.append(result.translate.click(handler, [*recordings, result.view], outputs, js=js, **event))
    return jobs


def connect_comparison(tab: Tab, jobs: list, result: Result) -> None:
    """Connect the button that compares the transcript with the reference; a job presses it if there is one.

    One comparison at a time: each takes a processor for itself.
    """
    comparison = result.comparison
    comparison.compare.click(
        compare_shown,
        [result.view, comparison.reference],
        [comparison.shown],
        js=f"(view, reference) => speechPage.compared('{tab.key}', reference)",
        trigger_mode="always_last",
        concurrency_limit=1,
        show_progress="hidden",
        api_visibility="private",
    )
    for job in jobs:
        js = f"reference => {{ if (reference.trim()) document.getElementById('{COMPARE}').click(); return []; }}"
        in_browser(job.success, [], js, [comparison.reference])


def offer_buttons(tab: Tab) -> dict[str, gr.Button]:
    """Direction -> the hidden button that static/offers.js presses for an example, or a recording of another tab."""
    return {direction: gr.Button(elem_id=f"offer_{direction}", visible="hidden") for direction in tab.directions}


def retry_button(tab: Tab) -> tuple[gr.Button, gr.Number]:
    """The hidden button that static/recordings.js presses to go on with recordings, and how many others there are."""
    return gr.Button(elem_id=f"retry_{tab.key}", visible="hidden"), gr.Number(0, visible=False)


def show_start(trigger, work: Work, result: Result) -> None:
    """Show at once that a job was started: no earlier message or comparison, and the stop button."""
    values = [None, *button_updates(running=True)]
    outputs = [work.message, work.run, work.stop]
    if result.comparison:
        values.append(None)
        outputs.append(result.comparison.shown)
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
        api_description=f"{what_one_gets(tab)} Returns the Transcript as JSON. {INPUT_NOTE}",
        **JOBS_SHARE,
    )


def what_one_gets(tab: Tab) -> str:
    """The first sentence of the tab's hint; what follows it is about the page."""
    sentence, stop, _ = TEXTS["en"]["interface"][f"{tab.key}_hint"].partition(".")
    return sentence + stop
