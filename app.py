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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import spaces  # before torch, which it patches on ZeroGPU
import gradio as gr

from inference import (
    DIRECTIONS,
    choose_checkpoint,
    get_direction,
    load_model,
    prepare_audio,
    transcribe,
)
from speech.audio import SAMPLE_RATE, format_duration
from speech.errors import AudioError, SpeechError
from speech.formats import WRITERS
from speech.transcript import Transcript, Turn

if TYPE_CHECKING:
    import numpy as np

ROOT = Path(__file__).parent
ON_ZERO_GPU = bool(os.environ.get("SPACES_ZERO_GPU"))
CHECKPOINT_VARIABLE = "SPEECH_CHECKPOINT"
MAX_UPLOAD = "200mb"
MAX_WAITING = 32
"""Visitors in the queue; ZeroGPU's own default is 1."""

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


def gpu_seconds(direction: str, checkpoint: str | None, waveform: np.ndarray, name: str) -> float:
    """How long ZeroGPU is asked for: a visitor's quota is charged by what is requested."""
    return GPU_START_SECONDS + GPU_SECONDS_PER_SECOND * len(waveform) / SAMPLE_RATE


@spaces.GPU(duration=gpu_seconds)
def run_model(direction: str, checkpoint: str | None, waveform: np.ndarray, name: str) -> Transcript:
    """The one function that computes; every tab and endpoint goes through it."""
    return transcribe(load_model(direction, checkpoint=checkpoint), waveform, name)


def answer(direction: str, checkpoint: str | None, audio: str | None) -> Transcript:
    """Check a visitor's recording, then run the model on it. Raises SpeechError."""
    chosen = get_direction(direction)
    if audio is None:
        raise AudioError("There is no recording yet: upload a file or record one first")
    waveform, name = prepare_audio(chosen, audio)
    return run_model(direction, checkpoint, waveform, name)


def show_transcript(transcript: Transcript) -> str:
    """A transcript as HTML: one row a turn, its speaker in colour, warnings above."""
    warnings = "".join(f'<p class="warning">{escape(w.message)}</p>' for w in transcript.warnings)
    rows = "".join(_show_turn(turn, transcript.speakers) for turn in transcript.turns)
    about = f"{format_duration(transcript.duration_seconds)} · {transcript.language} · {transcript.checkpoint}"
    turns = f'<ol class="turns" lang="{_LANGUAGE_TAGS[transcript.language]}">{rows}</ol>'
    return f'{warnings}{turns}<p class="about">{escape(about)}</p>'


_LANGUAGE_TAGS = {"Japanese": "ja", "English": "en", "Portuguese": "pt"}


def _show_turn(turn: Turn, speakers: tuple[str, ...]) -> str:
    if turn.speaker is None:
        return f'<li class="turn"><span class="words">{escape(turn.text)}</span></li>'
    colour = speakers.index(turn.speaker) % 8
    return (
        f'<li class="turn speaker-{colour}"><span class="speaker">{escape(turn.speaker)}</span>'
        f'<span class="words">{escape(turn.text)}</span></li>'
    )


def escape(text: str) -> str:
    """Text -> HTML that shows it, also inside gr.HTML's template, which reads `${…}`, backquotes and `{{…}}`."""
    marks = {"$": "&#36;", "`": "&#96;", "{": "&#123;", "}": "&#125;", "\\": "&#92;"}
    return "".join(marks.get(character, character) for character in html.escape(text))


EMPTY = '<p class="empty">The text appears here.</p>'


def page_handler(tab: Tab, checkpoint: str | None):
    """The handler of a tab's button: message, transcript, files for the copy and download buttons."""

    def handle(audio: str | None, direction: str = tab.directions[0]):
        try:
            transcript = answer(direction, checkpoint, audio)
        except SpeechError as error:
            message = f'<p class="error" role="alert">{escape(str(error))}</p>'
            return message, EMPTY, None, *[gr.update(interactive=False)] * 3
        files = {"stem": Path(transcript.audio).stem}
        files |= {suffix: write(transcript) for suffix, write in WRITERS.items()}
        return "", show_transcript(transcript), files, *[gr.update(interactive=True)] * 3

    return handle


def api_handler(tab: Tab, checkpoint: str | None):
    """The handler of a tab's endpoint: the Transcript as JSON, or an error that the client raises."""

    def handle(audio: str | None, direction: str = tab.directions[0]) -> dict:
        try:
            return answer(direction, checkpoint, audio).to_dict()
        except SpeechError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return handle


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
    '<p class="note"><b>The tiny embedded model answers.</b> It knows some 150 sentences, spoken by '
    "synthetic voices, and shows how the tool works; it says nothing about the quality of the real checkpoints.</p>"
)


def build_tab(tab: Tab, checkpoint: str | None) -> None:
    """One tab: the recording on the left, its text on the right, an endpoint for programs."""
    directions = [DIRECTIONS[name] for name in tab.directions]
    limit = format_duration(directions[0].max_seconds)
    source = choose_checkpoint(directions[0], checkpoint)
    with gr.Row(equal_height=False):
        with gr.Column(min_width=300):
            gr.Markdown(f"{tab.hint} Up to {limit}. Answered by `{source.name}`.")
            audio = gr.Audio(sources=["upload", "microphone"], type="filepath", label="Recording", buttons=["download"])
            inputs = [audio]
            if len(directions) > 1:
                choices = [(direction.label, direction.name) for direction in directions]
                inputs.append(gr.Radio(choices, value=tab.directions[0], label="Direction"))
            run = gr.Button("Translate" if len(directions) > 1 else "Transcribe", variant="primary")
            message = gr.HTML(elem_classes="message")
            gr.Examples(
                [[str(ROOT / "examples" / file), name][: len(inputs)] for file, name, _ in tab.examples],
                inputs,
                label="Examples, made by this project and free to use",
                example_labels=[label for _, _, label in tab.examples],
                api_visibility="private",
            )
        with gr.Column(min_width=300):
            view = gr.HTML(EMPTY, elem_classes="transcript")
            files = gr.JSON(visible=False)
            with gr.Row():
                copy = gr.Button("Copy", size="sm", interactive=False)
                save_text = gr.Button("Download text", size="sm", interactive=False)
                save_json = gr.Button("Download JSON", size="sm", interactive=False)
    run.click(
        page_handler(tab, checkpoint),
        inputs,
        [message, view, files, copy, save_text, save_json],
        api_visibility="private",
        concurrency_id="model",
    )
    copy.click(None, [files], js="(files) => speechPage.copy(files)")
    save_text.click(None, [files], js="(files) => speechPage.download(files, 'txt')")
    save_json.click(None, [files], js="(files) => speechPage.download(files, 'json')")
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
