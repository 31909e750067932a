"""What a click starts: recordings become messages and views for page.js, and transcripts for programs.

A recording is checked before the GPU is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import compress

from kikitori.audio.files import known_seconds, stream_audio
from kikitori.engines.zero_gpu import ZeroGpuEngine
from kikitori.errors import AudioError, SpeechError
from kikitori.output.subtitles import timed_turns
from kikitori.page.comparison import compare
from kikitori.page.view import to_view
from kikitori.pipeline import Job
from kikitori.server.job_log import logged_job
from kikitori.tasks import CHECKPOINTS, Checkpoint, get_source, get_task
from kikitori.transcribe import MAX_SECONDS, Model, stream
from kikitori.transcript import Transcript, Turn
from kikitori.translate_turns import translate_turns
from kikitori.update import Draft, Transcription

DRAFT_EVERY_SECONDS = 0.2
"""Nobody reads a faster draft, and showing it would slow the decoding."""


@dataclass(frozen=True)
class JobOptions:
    """What a visitor asks for. align: when each word was said. source: also what was said."""

    direction: str
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=lambda: CHECKPOINTS)
    align: bool = False
    source: bool = False


def page_model(direction: str, checkpoints: Mapping[str, Checkpoint]) -> Model:
    """A model that computes on ZeroGPU's GPU, or on this process's device. Raises TaskError."""
    task = get_task(direction)
    checkpoint = checkpoints[task.role]
    return Model(task, checkpoint, ZeroGpuEngine(checkpoint, checkpoints["aligner"]))


def transcribe_upload(options: JobOptions, audio: str | None) -> Transcription:
    """Start the transcription of a visitor's recording. Raises SpeechError."""
    if audio is None:
        raise AudioError("no_recording")
    model = page_model(options.direction, options.checkpoints)
    source = page_model(get_source(model.task).name, options.checkpoints) if options.source else None
    return stream(model, audio, align=options.align, source=source)


def run_job(options: JobOptions, audio: str | None) -> Transcript:
    """Transcribe a program's recording, as one job in the log. Raises SpeechError."""
    with logged_job(get_task(options.direction).name) as job:
        transcription = transcribe_upload(options, audio)
        for _ in transcription:
            job.sound_seconds = transcription.duration_seconds
    return transcription.transcript


def read_recordings(paths: list[str], options: JobOptions) -> Iterator[tuple[dict | None, dict | None]]:
    """Transcribe recordings one after another; yield what the page shows: message and view (page.js).

    The view is None while it does not change. Errors of recordings are shown at the end; the others are transcribed.
    """
    if not paths:
        yield error_message(AudioError("no_recording")), {"sheets": [], "running": False}
        return
    clock = Clock(paths)
    is_due = rate_limit(DRAFT_EVERY_SECONDS)
    sheets: list[dict] = []
    errors: list[SpeechError] = []
    yield clock.message(0.0), {"sheets": [], "running": True}
    for path in paths:
        before = list(sheets)
        try:
            with logged_job(get_task(options.direction).name) as job, closing(transcribe_upload(options, path)) as made:
                for step in made:
                    job.sound_seconds = made.duration_seconds
                    message = clock.message(made.duration_seconds)
                    if isinstance(step, Draft):
                        if is_due():
                            yield message | {"draft": step.texts}, None
                    else:
                        sheets = [*before, to_view(made.transcript, path)]
                        yield message, {"sheets": sheets, "running": True}
        except SpeechError as error:
            errors.append(error)
        clock.next_recording()
    yield (error_message(*errors) if errors else None), {"sheets": sheets, "running": False}


class Clock:
    """How much of a visitor's recordings is done, and about how long the rest will take."""

    def __init__(self, paths: list[str]):
        self._lengths = [known_seconds(path) for path in paths]
        self._number, self._before = 0, 0.0
        self._start = time.monotonic()

    def next_recording(self) -> None:
        """Count the recording as done, also if it was refused."""
        self._before += self._lengths[self._number] or 0.0
        self._number += 1

    def message(self, seconds: float) -> dict:
        """The message for page.js. seconds: of the current recording, done so far."""
        total = None if None in self._lengths else sum(self._lengths)
        return progress(self._before + seconds, total, time.monotonic() - self._start)


def rate_limit(seconds: float) -> Callable[[], bool]:
    """Return a function that is true at most once per `seconds`."""
    due = 0.0

    def is_due() -> bool:
        nonlocal due
        if time.monotonic() < due:
            return False
        due = time.monotonic() + seconds
        return True

    return is_due


def progress(done: float, total: float | None, spent: float) -> dict:
    """The message for page.js: seconds of sound done and in total, and seconds left; None if unknown."""
    left = spent * (total - done) / done if total and done else None
    return {"done": done, "total": total, "left": left}


def error_message(*errors: SpeechError) -> dict:
    """The message for page.js: errors in English, with what it takes to show them in the visitor's language."""
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


def translate_call(
    paths: list[str], view: dict | None, checkpoints: Mapping[str, Checkpoint]
) -> Iterator[tuple[dict | None, dict]]:
    """Message and view while the call that the view shows is translated into English; the result is one sheet more.

    paths: the visitor's own files, of which the call has to be one: what the view says is never opened.
    """
    view = {"sheets": []} | (view or {})
    start = time.monotonic()
    try:
        call = _shown_call(view, paths)
        with logged_job("ja2en") as job:
            for made in call_in_english(call, checkpoints):
                job.sound_seconds = made.duration_seconds
                waiting = progress(made.duration_seconds, call.transcript.duration_seconds, time.monotonic() - start)
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


def call_in_english(call: ViewedTranscript, checkpoints: Mapping[str, Checkpoint]) -> Iterator[Transcript]:
    """Translate a call; yield growing transcripts, without turns while the call's own turns are still being timed."""
    timed = call.transcript
    if any(turn.timing != "aligned" for turn in timed.turns):
        with closing(transcribe_upload(JobOptions("diarize", checkpoints, align=True), call.sound)) as aligned:
            for _ in aligned:
                yield replace(timed, turns=(), duration_seconds=aligned.duration_seconds / 2)
            timed = with_corrections(aligned.transcript, call)
    model = page_model("ja2en", checkpoints)
    job = Job(model.task, model.task.plan(model.checkpoint), model.engine)
    with closing(translate_turns(timed, stream_audio(call.sound, MAX_SECONDS), job)) as translated:
        for _ in translated:
            yield translated.transcript
    yield translated.transcript


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
