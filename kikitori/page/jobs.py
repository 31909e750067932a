"""What a click sets to work: recordings -> messages and views for page.js, and transcripts for programs.

What a recording has to be is checked before the GPU is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from typing import TYPE_CHECKING

import spaces  # before torch, which it patches on ZeroGPU

from kikitori.audio.files import SAMPLE_RATE, known_seconds, stream_audio
from kikitori.errors import AudioError, SpeechError
from kikitori.model.aligner import align_turns
from kikitori.output.subtitles import timed_turns
from kikitori.page.comparison import compare
from kikitori.page.view import to_view
from kikitori.result import Alignment, DecodingResult, last
from kikitori.server.job_log import logged_job
from kikitori.tasks import TASKS, check_alignable, choose_checkpoint, get_source, get_task
from kikitori.transcribe import MAX_SECONDS, load_aligner, load_model, stream_with
from kikitori.transcript import Transcript, Turn
from kikitori.translate_turns import translate_turns

if TYPE_CHECKING:
    import numpy as np

GPU_START_SECONDS = 15.0
GPU_SECONDS_PER_SECOND = 0.5
"""Speech has up to 10 tokens a second; the translation card decodes 45.8 a second. Twice what that needs."""
DRAFT_EVERY_SECONDS = 0.2
"""Sooner than that nobody reads what is being written, and showing it would slow the writing."""


def gpu_seconds(direction: str, checkpoint: str | None, sound, turns=None) -> float:
    """How long ZeroGPU is asked for, windows at a time: a visitor's quota is charged by what is requested."""
    samples = sum(map(len, sound)) if turns is None else len(sound)
    return GPU_START_SECONDS + GPU_SECONDS_PER_SECOND * samples / SAMPLE_RATE


@spaces.GPU(duration=gpu_seconds)
def run_model(
    direction: str, checkpoint: str | None, sound: list[np.ndarray] | np.ndarray, turns: tuple[Turn, ...] | None = None
) -> Iterator[list[DecodingResult] | Alignment]:
    """The one function that computes: windows' texts as they grow or, for one window and its turns, their times."""
    if turns is None:
        yield from load_model(direction, checkpoint=checkpoint).stream(sound)
    else:
        yield align_turns(load_aligner(checkpoint=checkpoint), sound, turns, get_task(direction).language)


@dataclass(frozen=True)
class JobOptions:
    """What a visitor wants to know of recordings. align: when each word is said. source: also what was said."""

    direction: str
    checkpoint: str | None
    align: bool = False
    source: bool = False


def run_job(options: JobOptions, audio: str | None) -> Iterator[Transcript]:
    """The transcripts of a visitor's recording as they grow, one job in the log. Raises SpeechError."""
    return logged_job(get_task(options.direction).name, transcribe_upload(options, audio))


def transcribe_upload(options: JobOptions, audio: str | None) -> Iterator[Transcript]:
    """As `answer`, as a part of another job."""
    direction = get_task(options.direction)
    if audio is None:
        raise AudioError("no_recording")
    if options.align:
        check_alignable(direction)
    decode = partial(run_model, direction.name, options.checkpoint)
    yield from stream_with(
        decode,
        direction,
        choose_checkpoint(direction, options.checkpoint),
        audio,
        align=(lambda sound, turns: last(decode(sound, turns))) if options.align else None,
        decode_source=partial(run_model, get_source(direction).name, options.checkpoint) if options.source else None,
    )


def read_recordings(paths: list[str], options: JobOptions) -> Iterator[tuple[dict | None, dict | None]]:
    """What the page shows while recordings are read one after another: message and view (`page.js`).

    The view is None where it is as it was. A recording that can't be used is told about in the end; the others are read
    all the same.
    """
    lengths = [known_seconds(path) for path in paths]
    total = None if None in lengths else sum(lengths)
    sheets: list[dict] = []
    errors: list[SpeechError] = []
    done, clock, is_due = 0.0, time.monotonic(), every(DRAFT_EVERY_SECONDS)
    yield progress(0.0, total, 0.0), {"sheets": [], "running": True}
    for path in paths or [None]:
        before = list(sheets)
        try:
            for transcript in run_job(options, path):
                heard = done + transcript.duration_seconds
                message = progress(heard, total, time.monotonic() - clock)
                if not transcript.draft:
                    sheets = [*before, to_view(transcript, path)]
                    yield message, {"sheets": sheets, "running": True}
                elif is_due():
                    yield message | {"draft": transcript.draft}, None
            done = heard
        except SpeechError as error:
            errors.append(error)
    yield (error_message(*errors) if errors else None), {"sheets": sheets, "running": False}


def every(seconds: float) -> Callable[[], bool]:
    """A function that says whether it is the first time, or so many seconds since it last said so."""
    due = 0.0

    def is_due() -> bool:
        nonlocal due
        if time.monotonic() < due:
            return False
        due = time.monotonic() + seconds
        return True

    return is_due


def progress(done: float, total: float | None, spent: float) -> dict:
    """How far a job is, in seconds: of sound heard, of all the sound, and those still to wait, None where unknown."""
    left = spent * (total - done) / done if total and done else None
    return {"done": done, "total": total, "left": left}


def error_message(*errors: SpeechError) -> dict:
    """The message for page.js of what could not be done, in English and ready for the visitor's language."""
    return {"errors": [{"text": str(error), "code": error.code, "values": error.values} for error in errors]}


def compare_shown(view: dict | None, reference: str) -> dict:
    """How the transcript that the view shows differs from a reference (kikitori/page/comparison.py), or an error."""
    try:
        return compare(reference, read_view(view).transcript.text)
    except SpeechError as error:
        return error_message(error)


@dataclass(frozen=True)
class ViewedTranscript:
    """What the view shows: a transcript, perhaps corrected, and what it says is its sound.

    kept: of each turn that the model wrote, whether the visitor left words in it; the others are not in `transcript`.
    """

    transcript: Transcript
    sound: str
    kept: tuple[bool, ...]


def read_view(view: dict | None) -> ViewedTranscript:
    """The sheet that the visitor sees. Raises SpeechError."""
    try:
        sheets = view["sheets"]
        chosen = sheets[view.get("current", len(sheets) - 1)]
        record = chosen["transcript"]
        kept = tuple(bool(turn["text"]) for turn in record["turns"])
        transcript = Transcript.from_dict(record | {"turns": list(compress(record["turns"], kept))})
        return ViewedTranscript(transcript, chosen["sound"], kept)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SpeechError("no_transcript") from error


def translate_call(paths: list[str], view: dict | None, checkpoint: str | None) -> Iterator[tuple[dict | None, dict]]:
    """Message and view while the call that the view shows is translated into English; the result is one sheet more.

    paths: the visitor's own files, of which the call has to be one: what the view says is never opened.
    """
    view = {"sheets": []} | (view or {})
    clock = time.monotonic()
    try:
        call = _shown_call(view, paths)
        for made in logged_job("ja2en", call_in_english(call, checkpoint)):
            waiting = progress(made.duration_seconds, call.transcript.duration_seconds, time.monotonic() - clock)
            sheets = [*view["sheets"], *([to_view(made, call.sound)] if made.turns else [])]
            yield waiting, {"sheets": sheets, "running": True, "current": len(sheets) - 1}
        yield None, {"sheets": sheets, "running": False, "current": len(sheets) - 1}
    except SpeechError as error:
        yield error_message(error), view | {"running": False}


def _shown_call(view: dict, paths: list[str]) -> ViewedTranscript:
    """The call that the view shows, whose file is one of the paths. Raises SpeechError."""
    shown = read_view(view)
    name = shown.transcript.audio
    if shown.transcript.direction != "diarize" or shown.sound not in paths:
        raise SpeechError("not_this_call", name=name)
    return shown


def call_in_english(call: ViewedTranscript, checkpoint: str | None) -> Iterator[Transcript]:
    """Transcripts that grow: without turns while the call's own turns are timed, where they are not yet."""
    timed = call.transcript
    if any(turn.timing != "aligned" for turn in timed.turns):
        for aligned in transcribe_upload(JobOptions("diarize", checkpoint, align=True), call.sound):
            yield replace(aligned, turns=(), open_turns=0, duration_seconds=aligned.duration_seconds / 2)
        timed = with_corrections(aligned, call)
    direction = TASKS["ja2en"]
    name = choose_checkpoint(direction, checkpoint).name
    blocks = stream_audio(call.sound, MAX_SECONDS)
    yield from translate_turns(timed, blocks, partial(run_model, direction.name, checkpoint), direction, name)


def with_corrections(aligned: Transcript, call: ViewedTranscript) -> Transcript:
    """The call as the visitor corrected it, with the times of the aligned turns; estimated ones where those differ."""
    if len(aligned.turns) != len(call.kept):  # the model wrote the call otherwise than the first time
        return replace(aligned, turns=timed_turns(call.transcript))
    pairs = zip(compress(aligned.turns, call.kept), call.transcript.turns, strict=True)
    return replace(aligned, turns=tuple(_corrected(turn, shown) for turn, shown in pairs))


def _corrected(aligned: Turn, shown: Turn) -> Turn:
    """An aligned turn under the shown one's speaker and with its words, which have no times where they are others."""
    if shown.text == aligned.text:
        return replace(aligned, speaker=shown.speaker)
    return replace(aligned, speaker=shown.speaker, text=shown.text, words=(), low_confidence=())
