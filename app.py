"""The web page: three tabs on one shared loader, and the API behind them.

    python app.py --checkpoint tiny

Gradio appears here only. What a recording has to be is checked before the GPU is asked for; text that a model wrote
is escaped before it becomes HTML.
"""

from __future__ import annotations

import argparse
import html
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import spaces  # before torch, which it patches on ZeroGPU
import gradio as gr

from inference import (
    DIRECTIONS,
    check_alignable,
    choose_checkpoint,
    get_direction,
    load_aligner,
    load_model,
    stream_with,
)
from speech.alignment import Alignment, align_turns
from speech.audio import SAMPLE_RATE, format_duration, known_seconds
from speech.decoded import Decoded
from speech.errors import AudioError, SpeechError
from speech.formats import WRITERS
from speech.pipeline import format_time
from speech.transcript import Transcript, Turn

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).parent
ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
CHECKPOINT_VARIABLE = "SPEECH_CHECKPOINT"
MAX_UPLOAD = "200mb"
MAX_WAITING = 32
"""Visitors in the queue; ZeroGPU's own default is 1."""
MAX_AT_ONCE = 4
"""Visitors served side by side: their windows take turns, so that a clip need not wait for a two-hour call."""

GPU_START_SECONDS = 15.0
GPU_SECONDS_PER_SECOND = 0.5
"""Speech has up to 10 tokens a second; the translation card decodes 45.8 a second. Twice what that needs."""


@dataclass(frozen=True)
class Tab:
    """What differs between the three tabs."""

    title: str
    directions: tuple[str, ...]
    endpoint: str
    hint: str
    examples: tuple[tuple[str, str, str], ...]
    """File in examples/, its direction, what it is called."""


TABS = (
    Tab(
        "Diarized Japanese",
        ("diarize",),
        "diarize",
        "A Japanese phone call becomes a transcript with a tag at each speaker's turn.",
        (
            ("call_appointment.flac", "diarize", "A call to a hospital"),
            ("call_order.flac", "diarize", "A call to a restaurant"),
        ),
    ),
    Tab(
        "English ↔ Japanese",
        ("en2ja", "ja2en"),
        "translate",
        "Speech in one language becomes text in the other.",
        (
            ("english_travel.flac", "en2ja", "A traveller, in English"),
            ("japanese_travel.flac", "ja2en", "A traveller, in Japanese"),
        ),
    ),
    Tab(
        "Portuguese",
        ("pt",),
        "transcribe_portuguese",
        "Portuguese speech becomes text with capitals and punctuation.",
        (
            ("portuguese_daily.flac", "pt", "Making an appointment"),
            ("portuguese_shopping.flac", "pt", "At the shop"),
        ),
    ),
)


def gpu_seconds(direction: str, checkpoint: str | None, sound, turns=None) -> float:
    """How long ZeroGPU is asked for, windows at a time: a visitor's quota is charged by what is requested."""
    samples = sum(map(len, sound)) if turns is None else len(sound)
    return GPU_START_SECONDS + GPU_SECONDS_PER_SECOND * samples / SAMPLE_RATE


@spaces.GPU(duration=gpu_seconds)
def run_model(
    direction: str, checkpoint: str | None, sound: list[np.ndarray] | np.ndarray, turns: tuple[Turn, ...] | None = None
) -> list[Decoded] | Alignment:
    """The one function that computes: windows' texts or, for one window and its turns, the turns' times."""
    if turns is not None:
        return align_turns(load_aligner(), sound, turns, get_direction(direction).language)
    return load_model(direction, checkpoint=checkpoint).decode(sound)


def answer(direction: str, checkpoint: str | None, audio: str | None, align: bool) -> Iterator[Transcript]:
    """The transcripts of a visitor's recording as they grow. Raises SpeechError."""
    chosen = get_direction(direction)
    if audio is None:
        raise AudioError("There is no recording yet: upload a file or record one first")
    if align:
        check_alignable(chosen)
    return stream_with(
        partial(run_model, direction, checkpoint),
        chosen,
        choose_checkpoint(chosen, checkpoint),
        audio,
        align=partial(run_model, direction, checkpoint) if align else None,
    )


def show_transcript(transcript: Transcript) -> str:
    """A transcript as HTML: one row a turn, its speaker in colour, warnings above."""
    warnings = "".join(f'<p class="warning">{escape(w.message)}</p>' for w in transcript.warnings)
    starts = [None, *(turn.start_seconds for turn in transcript.turns)]
    rows = "".join(
        _show_turn(turn, transcript.speakers, turn.start_seconds != before)
        for turn, before in zip(transcript.turns, starts, strict=False)
    )
    about = f"{format_duration(transcript.duration_seconds)} · {transcript.language} · {transcript.checkpoint}"
    turns = f'<ol class="turns" lang="{_LANGUAGE_TAGS[transcript.language]}">{rows}</ol>'
    return f'{warnings}{turns}<p class="about">{escape(about)}</p>'


_LANGUAGE_TAGS = {"Japanese": "ja", "English": "en", "Portuguese": "pt"}


def _show_turn(turn: Turn, speakers: tuple[str, ...], with_time: bool) -> str:
    """A row. with_time: not for the further turns of one window, which have no times of their own."""
    colour = "" if turn.speaker is None else f" speaker-{speakers.index(turn.speaker) % 8}"
    speaker = "" if turn.speaker is None else f'<span class="speaker">{escape(turn.speaker)}</span>'
    time = f"<time>{format_time(turn.start_seconds)}</time>" if with_time and turn.start_seconds is not None else ""
    return (
        f'<li class="turn{colour}"><span class="who">{speaker}{time}</span>'
        f'<span class="words">{escape(turn.text)}</span></li>'
    )


def escape(text: str) -> str:
    """Text -> HTML that shows it, also inside gr.HTML's template, which reads `${…}`, backquotes and `{{…}}`."""
    marks = {"$": "&#36;", "`": "&#96;", "{": "&#123;", "}": "&#125;", "\\": "&#92;"}
    return "".join(marks.get(character, character) for character in html.escape(text))


EMPTY = '<p class="empty">The text appears here.</p>'


def show_progress(transcript: Transcript | None, total_seconds: float | None) -> str:
    """How much of a recording is done, as HTML."""
    done = 0.0 if transcript is None else transcript.duration_seconds
    of = f" of {format_duration(total_seconds)}" if total_seconds else ""
    place = f' value="{done:.1f}" max="{total_seconds:.1f}"' if total_seconds else ""
    bar = f"<progress{place}></progress>"
    return f'<p class="progress" role="status">{bar} {format_duration(done)}{of}</p>'


SAVED = ("txt", "srt", "vtt", "json")
"""The formats that the page offers."""


def as_files(transcript: Transcript) -> dict[str, str]:
    """What the copy and download buttons take: the files' stem, and suffix -> content."""
    return {"stem": Path(transcript.audio).stem, **{suffix: WRITERS[suffix](transcript) for suffix in SAVED}}


def page_handler(tab: Tab, checkpoint: str | None):
    """The handler of a tab's button: message, transcript, files, and which buttons can be pressed.

    A generator: what it has yielded stays on the page when the visitor stops it.
    """

    def run(audio: str | None, direction: str, align: bool):
        total = known_seconds(audio) if audio else None
        yield show_progress(None, total), EMPTY, None, *button_updates(running=True, files=False)
        try:
            for transcript in answer(direction, checkpoint, audio, align):
                shown = show_transcript(transcript), as_files(transcript)
                yield show_progress(transcript, total), *shown, *button_updates(running=True, files=True)
        except SpeechError as error:
            message = f'<p class="error" role="alert">{escape(str(error))}</p>'
            yield message, gr.skip(), gr.skip(), *button_updates(running=False)
            return
        yield "", *shown, *button_updates(running=False, files=True)

    # Programs see a handler's parameters, so each tab's has just its own.
    def handle_one(audio: str | None, align: bool = False):
        yield from run(audio, tab.directions[0], align)

    def handle_several(audio: str | None, direction: str = tab.directions[0]):
        yield from run(audio, direction, False)

    return handle_several if len(tab.directions) > 1 else handle_one


def api_handler(tab: Tab, checkpoint: str | None):
    """The handler of a tab's endpoint: the Transcript as JSON, or an error that the client raises."""

    def run(audio: str | None, direction: str, align: bool) -> dict:
        try:
            *_, transcript = answer(direction, checkpoint, audio, align)
        except SpeechError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return transcript.to_dict()

    def handle_one(audio: str | None, align: bool = False) -> dict:
        return run(audio, tab.directions[0], align)

    def handle_several(audio: str | None, direction: str = tab.directions[0]) -> dict:
        return run(audio, direction, False)

    return handle_several if len(tab.directions) > 1 else handle_one


def button_updates(running: bool, files: bool | None = None) -> list:
    """Updates of the run, stop, copy and download buttons; files: whether there is something to save, None as it is."""
    saving = gr.skip() if files is None else gr.update(interactive=files)
    return [gr.update(visible=not running), gr.update(visible=running), *[saving] * (1 + len(SAVED))]


def build_demo(checkpoint: str | None = None) -> gr.Blocks:
    """The page. checkpoint: None for the hub's, `tiny`, or a folder."""
    with gr.Blocks(title="Speech to text with Qwen3-ASR", delete_cache=(3600, 3600)) as demo:
        gr.Markdown("# Speech to text\nCalls with speakers · English ↔ Japanese · Portuguese")
        if checkpoint == "tiny":
            gr.HTML(TINY_NOTE)
        for tab in TABS:
            # Children of a tab that is not rendered at once lose their examples.
            with gr.Tab(tab.title, id=tab.endpoint, render_children=True):
                build_tab(tab, checkpoint)
    return demo


TINY_NOTE = (
    '<p class="note"><b>The tiny embedded model answers.</b> It knows some hundreds of words in synthetic '
    "voices, and shows how the tool works; it says nothing about the quality of the real checkpoints.</p>"
)


def build_tab(tab: Tab, checkpoint: str | None) -> None:
    """One tab: the recording on the left, its text on the right, an endpoint for programs."""
    directions = [DIRECTIONS[name] for name in tab.directions]
    source = choose_checkpoint(directions[0], checkpoint)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            gr.Markdown(f"{tab.hint} Answered by `{source.name}`.")
            audio = gr.Audio(sources=["upload", "microphone"], type="filepath", label="Recording", buttons=["download"])
            if len(directions) > 1:
                choices = [(direction.label, direction.name) for direction in directions]
                choice = gr.Radio(choices, value=tab.directions[0], label="Direction")
            else:
                choice = gr.Checkbox(label="Measure when each word is said (forced aligner)")
            inputs = [audio, choice]
            run = gr.Button("Translate" if len(directions) > 1 else "Transcribe", variant="primary")
            stop = gr.Button("Stop", variant="stop", visible=False)
            message = gr.HTML(elem_classes="message")
            shown = inputs if len(directions) > 1 else inputs[:1]
            gr.Examples(
                [[str(ROOT / "examples" / file), name][: len(shown)] for file, name, _ in tab.examples],
                shown,
                label="Examples, made by this project and free to use",
                example_labels=[label for _, _, label in tab.examples],
                api_visibility="private",
            )
        with gr.Column(min_width=300):
            view = gr.HTML(EMPTY, elem_classes="transcript")
            files = gr.JSON(visible=False)
            with gr.Row():
                copy = gr.Button("Copy", size="sm", interactive=False, min_width=60)
                saves = [
                    gr.Button(f"Save {name.upper()}", size="sm", interactive=False, min_width=60) for name in SAVED
                ]
    buttons = [run, stop, copy, *saves]
    running = run.click(
        page_handler(tab, checkpoint),
        inputs,
        [message, view, files, *buttons],
        api_visibility="private",
        concurrency_id="model",
        concurrency_limit=MAX_AT_ONCE,
    )
    # What the visitor has so far stays: only the progress goes, and the buttons change places.
    stopped = ["", *button_updates(running=False)]
    stop.click(lambda: stopped, None, [message, *buttons], cancels=[running], queue=False, api_visibility="private")
    copy.click(None, [files], js="(files) => speechPage.copy(files)")
    for name, save in zip(SAVED, saves, strict=True):
        save.click(None, [files], js=f"(files) => speechPage.download(files, '{name}')")
    record = gr.JSON(visible=False)
    gr.Button(visible=False).click(
        api_handler(tab, checkpoint),
        inputs,
        [record],
        api_name=tab.endpoint,
        api_description=f"{tab.hint} Returns the Transcript as JSON.",
        concurrency_id="model",
    )


def build_parser() -> argparse.ArgumentParser:
    """The options of `python app.py`."""
    parser = argparse.ArgumentParser(prog="app.py", description="Open the web page.")
    parser.add_argument(
        "--checkpoint",
        default=os.environ.get(CHECKPOINT_VARIABLE) or None,
        help=f"`tiny` for the embedded model, or a folder (default: ${CHECKPOINT_VARIABLE}, else the hub's)",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1; on a Space 0.0.0.0)")
    parser.add_argument("--port", type=int, help="default: 7860, or the next that is free")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Load what ZeroGPU needs loaded, then serve the page until it is stopped."""
    options = build_parser().parse_args(argv)
    sys.stdout.reconfigure(line_buffering=True)  # the address is read from logs and pipes too
    if ON_ZERO_GPU:
        for direction in DIRECTIONS:
            load_model(direction, checkpoint=options.checkpoint)
        load_aligner()
    demo = build_demo(options.checkpoint)
    demo.queue(max_size=MAX_WAITING)
    demo.launch(
        server_name=options.host,
        server_port=options.port,
        max_file_size=MAX_UPLOAD,
        theme=gr.themes.Soft(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css_paths=[ROOT / "assets" / "page.css"],
        head_paths=[ROOT / "assets" / "page.html"],
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
