"""The web page: three tabs on one shared loader, and the API behind them.

Gradio appears here only. What a click starts is in jobs.py, what a transcript looks like in static/page.js.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
# After each request Gradio would make a table of all requests so far.
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", str(10**12))

import gradio as gr
from gradio.exceptions import InvalidPathError
from pydantic import ValidationError
from starlette.middleware import Middleware
from starlette.routing import Route

from kikitori.server.limits import Gate
from kikitori.page.jobs import JobOptions, run_job, compare_shown, read_recordings, translate_call
from kikitori.server.shutdown import Stop
from kikitori.server.health import health
from kikitori.server.logging import log_to
from kikitori.server.memory import share_heaps
from kikitori.page.texts import TASK_NAMES, PREFIX, TEXTS, translations, view_texts_script
from kikitori.page.view import write_file as view_file
from kikitori.cli.options import add_checkpoint_options
from kikitori.tasks import CHECKPOINTS, PACKAGE, SOURCES, TASKS, TINY, Checkpoint, choose_checkpoints
from kikitori.transcribe import load_task
from kikitori.errors import CheckpointError, SpeechError
from kikitori.model.checkpoints import checkpoint_folder

STATIC = Path(__file__).parent / "static"
EXAMPLES = PACKAGE / "examples" if (PACKAGE / "examples").is_dir() else PACKAGE.parent / "examples"
"""Inside an installed package, or next to the package in a clone."""
ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
CHECKPOINT_VARIABLE = "SPEECH_CHECKPOINT"
REVISION_VARIABLE = "SPEECH_REVISION"
MAX_UPLOAD = "200mb"
MAX_WAITING = 64
"""Visitors in the queue; ZeroGPU's own default is 1."""
MAX_AT_ONCE = 4
"""Visitors served side by side: their windows take turns, so that a clip need not wait for a two-hour call."""
KEEP_SECONDS = LOOK_EVERY_SECONDS = 3600
"""How long an upload is kept at least, and how often old ones are looked for."""

Checkpoints = Mapping[str, Checkpoint]
"""Role -> checkpoint."""

I18N = gr.I18n(**translations())


def text(key: str):
    """A text of page/languages/ in the language of the visitor's browser."""
    return I18N(PREFIX + key)


@dataclass(frozen=True)
class Tab:
    """What differs between the three tabs."""

    key: str
    """Of its texts in page/languages/."""
    directions: tuple[str, ...]
    endpoint: str
    examples: tuple[tuple[str, str, str], ...]
    """File in examples/, its direction, what it is called."""

    @property
    def translates(self) -> bool:
        """Whether there is a direction to choose."""
        return len(self.directions) > 1


TABS = (
    Tab(
        "diarize",
        ("diarize",),
        "diarize",
        (
            ("call_appointment.flac", "diarize", "病院 · hospital"),
            ("call_order.flac", "diarize", "注文 · order"),
        ),
    ),
    Tab(
        "translate",
        ("en2ja", "ja2en"),
        "translate",
        (
            ("english_travel.flac", "en2ja", "English · travel"),
            ("japanese_travel.flac", "ja2en", "日本語 · 旅行"),
        ),
    ),
    Tab(
        "portuguese",
        ("pt",),
        "transcribe_portuguese",
        (
            ("portuguese_daily.flac", "pt", "consulta · appointment"),
            ("portuguese_shopping.flac", "pt", "na loja · shopping"),
        ),
    ),
)


def page_handler(tab: Tab, checkpoints: Checkpoints):
    """The handler of a tab's button: message, view, and which buttons can be pressed.

    A generator: what it has yielded stays on the page when the visitor stops it.
    """

    def run(audio: str | None, several: list[str] | None, *options):
        for message, view in read_recordings(own_files(audio, several), job_options(tab, checkpoints, *options)):
            yield message, *shown_updates(view)

    return run


def call_handler(checkpoints: Checkpoints):
    """The handler of the button that translates a call; yields what `page_handler`'s does."""

    def run(audio: str | None, several: list[str] | None, view: dict | None):
        for message, made in translate_call(own_files(audio, several), view, checkpoints):
            yield message, *shown_updates(made)

    return run


def own_files(audio: str | None, several: list[str] | None) -> list[str]:
    """The visitor's recordings, in order."""
    return [path for path in (audio, *(several or [])) if path]


def job_options(tab: Tab, checkpoints: Checkpoints, *options) -> JobOptions:
    """What is set on a tab: direction and source where it translates, else whether to align."""
    if tab.translates:
        direction, source = options
        # Programs send null for the default.
        return JobOptions(direction or tab.directions[0], checkpoints, source=source)
    return JobOptions(tab.directions[0], checkpoints, align=options[0])


def stop_running(view: dict | None) -> list:
    """What a visitor has so far stays: the page says that it was stopped, and the buttons change places."""
    return [{"stopped": True}, view and view | {"running": False}, *button_updates(running=False)]


def api_handler(tab: Tab, checkpoints: Checkpoints):
    """The handler of a tab's endpoint: the Transcript as JSON, or an error that the client raises."""

    def run(audio: str | None, *options) -> dict:
        try:
            transcript = run_job(job_options(tab, checkpoints, *options), audio)
        except SpeechError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return transcript.to_dict()

    # Programs see a handler's parameters, so each kind of tab has just its own.
    def transcribe(audio: str | None, align: bool = False) -> dict:
        return run(audio, align)

    def translate(audio: str | None, direction: str = tab.directions[0], source: bool = False) -> dict:
        return run(audio, direction, source)

    handler = translate if tab.translates else transcribe
    handler.__name__ = tab.endpoint  # what an MCP client calls it
    return handler


def shown_updates(view: dict | None) -> list:
    """Updates of the view and the buttons; None leaves them."""
    return [gr.skip()] * 3 if view is None else [view, *button_updates(view["running"])]


def button_updates(running: bool) -> list:
    """Updates of the run and the stop button."""
    return [gr.update(visible=not running), gr.update(visible=running)]


class Page(gr.Blocks):
    """Blocks that say why a request is refused: Gradio's own errors reach no program.

    What a request leaves out at its end is as it stands on the page.
    """

    async def preprocess_data(self, block_fn, inputs: list, *arguments, **options) -> list:
        """What the handlers are given. Raises gr.Error where a file is none of an upload, or no file at all."""
        left_out = [component.value for component in block_fn.inputs[len(inputs) :]]
        try:
            return await super().preprocess_data(block_fn, [*inputs, *left_out], *arguments, **options)
        except InvalidPathError as error:
            sentence = "The path of a file is none that an upload here has given: upload the file, and send that path"
            raise gr.Error(sentence, print_exception=False) from error
        except ValidationError as error:
            sentence = 'A file is sent as {"path": …, "meta": {"_type": "gradio.FileData"}}, as handle_file makes it'
            raise gr.Error(
                f"{sentence}: upload it, and send the path that the upload gives", print_exception=False
            ) from error


def build_demo(checkpoints: Checkpoints = CHECKPOINTS) -> gr.Blocks:
    """Build the page. checkpoints: by role, from `choose_checkpoints`."""
    with Page(title="Speech to text with Qwen3-ASR", delete_cache=(LOOK_EVERY_SECONDS, KEEP_SECONDS)) as demo:
        gr.Markdown(text("title"))
        if TINY in checkpoints.values():
            gr.Markdown(text("tiny"), elem_classes="note")
        for tab in TABS:
            # Children of a tab that is not rendered at once lose their examples.
            with gr.Tab(text(f"{tab.key}_tab"), id=tab.endpoint, render_children=True):
                build_tab(tab, checkpoints)
    return demo


OWN = {"value": None, "html_template": "<div></div>", "apply_default_css": False}
"""Of components that page.js fills: Gradio must neither render nor style them."""


TAKES = "The recording is an uploaded file, or a `data:` address such as data:audio/flac;base64,…; no other is fetched."


def build_tab(tab: Tab, checkpoints: Checkpoints) -> None:
    """One tab: the recording on the left, its text on the right, an endpoint for programs."""
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300, scale=2):
            gr.Markdown(text(f"{tab.key}_hint"))
            gr.Markdown(f"`{checkpoints[TASKS[tab.directions[0]].role].name}`")
            audio = refuse_addresses(
                gr.Audio(
                    sources=["upload", "microphone"], type="filepath", label=text("recording"), buttons=["download"]
                )
            )
            with gr.Accordion(text("several"), open=False):
                several = refuse_addresses(
                    gr.File(file_count="multiple", file_types=["audio", "video"], height=140, label=text("several"))
                )
            options = build_options(tab)
            run = gr.Button(
                text("translate" if tab.translates else "transcribe"), variant="primary", elem_classes="places"
            )
            stop = gr.Button(text("stop"), variant="stop", visible=False, elem_classes="places")
            shown = [audio, options[0]] if tab.translates else [audio]
            examples = gr.Examples(
                [[str(EXAMPLES / file), name][: len(shown)] for file, name, _ in tab.examples],
                shown,
                label=text("examples"),
                example_labels=[label for _, _, label in tab.examples],
                api_visibility="private",
            )
        with gr.Column(min_width=300, scale=3):
            message = gr.HTML(
                js_on_load="speechPage.mountMessage(element, props, watch)", elem_classes="message", **OWN
            )
            view = gr.HTML(
                js_on_load="speechPage.mountView(element, props, server, watch)",
                server_functions=[write_file],
                elem_classes="transcript",
                **OWN,
            )
            compared = [build_comparison(view)] if tab.key == "portuguese" else []
            if tab.key == "diarize":
                translate = gr.Button(text("translate_call"), size="sm")
    shown = [message, view, run, stop]
    # The lowest limit of all that share an id counts for each of them.
    served = {"concurrency_id": "model", "concurrency_limit": MAX_AT_ONCE}
    begin = {"api_visibility": "private", **served}
    begin |= {"show_progress": "minimal", "show_progress_on": [message]}  # the place in the queue
    # An example is answered at once.
    triggers = (run.click, examples.load_input_event.then)
    handler, inputs = page_handler(tab, checkpoints), [audio, several, *options]
    for trigger in (*triggers, *([translate.click] if tab.key == "diarize" else [])):
        begun = [None, *button_updates(running=True), *[None for _ in compared]]
        in_browser(trigger, [message, run, stop, *compared], f"() => {json.dumps(begun)}")
    jobs = [trigger(handler, inputs, shown, **begin) for trigger in triggers]
    if tab.key == "diarize":
        jobs.append(translate.click(call_handler(checkpoints), [audio, several, view], shown, **begin))
    stop.click(stop_running, [view], shown, cancels=jobs, queue=False, api_visibility="private")
    for job in jobs:  # refusals of the queue and of ZeroGPU, which Gradio shows
        in_browser(
            job.failure, shown, f"speechPage.ended({json.dumps(button_updates(running=False))})", [message, view]
        )
    for chosen in (audio.upload, audio.stop_recording, several.upload):
        in_browser(chosen, [message], "() => null")
    record = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        api_handler(tab, checkpoints),
        [audio, *options],
        [record],
        api_name=tab.endpoint,
        api_description=f"{TEXTS['en']['interface'][f'{tab.key}_hint']} Returns the Transcript as JSON. {TAKES}",
        **served,
    )


def in_browser(trigger, outputs: list, js: str, inputs: tuple | list = ()) -> None:
    """Set what components show at once, without the server: who waits in the queue can stop that too."""
    trigger(None, inputs, outputs, js=js, queue=False, api_visibility="private")


def refuse_addresses(component):
    """The component, taking uploads only: Gradio would fetch an address that a program sends in a file's place."""
    take = component.async_move_resource_to_block_cache

    async def take_upload(path):
        if str(path or "").lower().startswith(("http:", "https:")):
            raise gr.Error(f"{path} is an address, which is never fetched: upload the file", print_exception=False)
        return await take(path)

    component.async_move_resource_to_block_cache = take_upload
    return component


def build_options(tab: Tab) -> list[gr.components.Component]:
    """What can be set on a tab, in the order of `job_options`."""
    direction = []
    if tab.translates:
        choices = [(TASK_NAMES[name], name) for name in tab.directions]
        direction = [gr.Radio(choices, value=tab.directions[0], label=text("direction"))]
    with gr.Accordion(text("options"), open=False):
        return [*direction, gr.Checkbox(label=text("source" if tab.translates else "align"))]


def build_comparison(view: gr.HTML) -> gr.HTML:
    """Below the transcript: a reference, and how the transcript differs from it, which is returned."""
    with gr.Accordion(text("compare"), open=False):
        reference = gr.Textbox(label=text("reference"), lines=3)
        button = gr.Button(text("compare"), size="sm")
        result = gr.HTML(js_on_load="speechPage.mountComparison(element, props, watch)", **OWN)
    # One at a time: the counting is done by C code that keeps all other threads waiting.
    button.click(
        compare_shown,
        [view, reference],
        [result],
        concurrency_limit=1,
        show_progress="hidden",
        api_visibility="private",
    )
    return result


async def write_file(request: list) -> dict[str, str]:
    """What the view's Copy and Save ask for: [suffix, transcript, its turns' times] -> name and text, or an error."""
    try:
        suffix, record, times = request
        return await asyncio.to_thread(view_file, suffix, record, times)
    except (ValueError, TypeError, SpeechError) as error:
        return {"error": str(error)}


def page_head() -> str:
    """The page's own script, as part of its head."""
    script = (STATIC / "page.js").read_text(encoding="utf-8")
    return f"<script>{view_texts_script()}</script><script>{script}</script>"


def build_parser() -> argparse.ArgumentParser:
    """The options of `kikitori page` and `python app.py`."""
    parser = argparse.ArgumentParser(
        prog="kikitori page",
        description="Open the web page.",
        epilog=f"{CHECKPOINT_VARIABLE} and {REVISION_VARIABLE} in the environment do what --checkpoint and --revision "
        "do; several values are separated by spaces.",
    )
    add_checkpoint_options(parser)
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1; on a Space 0.0.0.0)")
    parser.add_argument("--port", type=int, help="default: 7860, or the next free one")
    return parser


def parse_options(argv: list[str] | None) -> tuple[argparse.Namespace, dict[str, Checkpoint]]:
    """Parse the options and choose the checkpoints; ends the program if they can't be chosen."""
    parser = build_parser()
    options = parser.parse_args(argv)
    choices = os.environ.get(CHECKPOINT_VARIABLE, "").split() if not options.checkpoint else options.checkpoint
    revisions = os.environ.get(REVISION_VARIABLE, "").split() + options.revision
    try:
        checkpoints = choose_checkpoints(choices, revisions)
        for checkpoint in checkpoints.values():
            if checkpoint.folder:
                checkpoint_folder(checkpoint)
        return options, checkpoints
    except CheckpointError as error:
        parser.error(str(error))


def main(argv: list[str] | None = None) -> int:
    """Load what ZeroGPU needs loaded, then serve the page until it is stopped."""
    options, checkpoints = parse_options(argv)
    share_heaps()
    stop = Stop()
    log_to(sys.stderr)
    sys.stdout.reconfigure(line_buffering=True)  # the address is read from logs and pipes too
    if ON_ZERO_GPU:
        for task in {*TASKS.values(), *SOURCES.values()}:
            _ = load_task(task, checkpoints).engine.aligner
    demo = build_demo(checkpoints)
    demo.queue(max_size=MAX_WAITING, api_open=False)  # nobody goes past the queue
    demo.launch(
        server_name=options.host,
        server_port=options.port,
        max_file_size=MAX_UPLOAD,
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=[STATIC / "page.css"],
        head=page_head(),
        i18n=I18N,
        mcp_server=True,
        enable_monitoring=False,
        app_kwargs={"middleware": [Middleware(Gate)], "routes": [Route("/health", health(demo))]},
        prevent_thread_lock=True,
    )
    stop.wait(demo)
    return 0
