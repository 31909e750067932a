"""The work behind the buttons and endpoints, without Gradio.

For the page, recordings become messages and views for static/; for programs, transcripts. A recording is checked
before a GPU is requested.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import compress

from kikitori.audio.files import stream_audio
from kikitori.errors import AudioError, SpeechError
from kikitori.job import Job
from kikitori.model.checkpoints import is_loaded
from kikitori.output.subtitles import timed_turns
from kikitori.page.comparison import compare
from kikitori.page.file_list import FileList
from kikitori.page.messages import Clock, error_message, progress
from kikitori.page.outline import Outline
from kikitori.page.view import GrowingView
from kikitori.server.job_log import logged_job
from kikitori.server.jobs import JobOptions, served_model, transcribe_upload
from kikitori.server.unfinished import UnfinishedJobs
from kikitori.tasks import Checkpoint, get_task
from kikitori.transcribe import MAX_SECONDS
from kikitori.transcript import Transcript, Turn
from kikitori.translate_turns import translate_turns
from kikitori.update import Update

DRAFT_EVERY_SECONDS = 0.2
"""Nobody can read a draft that changes faster, and showing it would slow decoding down."""
UNFINISHED = UnfinishedJobs()
"""What was decoded of recordings whose jobs were stopped, until somebody goes on with them."""


def read_recordings(paths: list[str], options: JobOptions, first: int = 0) -> Iterator[tuple[dict | None, dict | None]]:
    """Transcribe recordings one after another; yield what static/message.js and static/view.js show.

    first: how many recordings the view has, to which these are added; 0 if these take their place.
    The view is None while it does not change. It holds only what is new until the last one, which holds everything.
    The others are transcribed if one fails. `FileList` says why it did; if all fail, the message does too.
    """
    if not paths:
        yield error_message(AudioError("no_recording")), None
        return
    task, clock = get_task(options.direction), Clock(paths)
    is_due = rate_limit(DRAFT_EVERY_SECONDS)
    job_id = uuid.uuid4().hex
    sheets: list[dict] = []
    files = FileList(paths, first)
    begun = {"sheets": [], "first": first, "running": True}
    yield clock.message(0.0) | loading_message(options), begun | files.record()
    for number, path in enumerate(paths):
        view, seconds, place = None, 0.0, first + len(sheets)
        work = work_of(options, path)
        files.begin(number, place)
        try:
            with (
                logged_job(task.name) as job,
                closing(transcribe_upload(options, path, kept=UNFINISHED.begin(work))) as made,
                closing(Outline(path, not task.has_speakers, MAX_SECONDS)) as outline,
            ):
                view = GrowingView(made, path, outline)
                for step in made:
                    job.sound_seconds = seconds = made.duration_seconds
                    if isinstance(step, Update):
                        yield clock.message(seconds), growing(job_id, place, view.add(step)) | files.record()
                    elif is_due():
                        yield clock.message(seconds) | {"draft": step.texts}, None
                files.end(number)
                UNFINISHED.end(work)
                # It is complete now, which its last update could not say.
                yield clock.message(seconds), growing(job_id, place, view.add(Update())) | files.record()
        except SpeechError as error:
            has_words = view is not None and not view.is_empty
            files.fail(number, error, has_words)
            last = growing(job_id, place, view.add(Update())) if has_words else {"running": True}
            yield clock.message(seconds), last | files.record()
        if view and not view.is_empty:
            sheets.append(view.whole())
        clock.next_recording(seconds)
    shown = {"sheets": sheets, "first": first, "running": False} | files.record()
    yield files.message(sheets), shown


def work_of(options: JobOptions, path: str) -> tuple:
    """What stands for a job in UNFINISHED."""
    return path, options.direction, tuple(sorted(options.checkpoints.items()))


def growing(job_id: str, number: int, added: dict) -> dict:
    """The view's value that adds to the sheet of this number. job_id: tells static/view.js whether it was stopped."""
    return {"job": job_id, "sheet": number, "append": added, "running": True}


def loading_message(options: JobOptions) -> dict:
    """What the first message says besides if the job begins with loading its checkpoint, which may take minutes."""
    checkpoint = options.checkpoints[get_task(options.direction).role]
    return {} if checkpoint.urls or is_loaded(checkpoint) else {"loading": True}


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


def compare_shown(view: dict | None, reference: str) -> dict:
    """Compare the transcript on the page with a reference.

    Returns what `compare` returns and the recording's name, or an error message. `made` differs each time, because
    Gradio does not show a value again that equals the last one, and the page may have taken that one away.
    """
    made = {"made": time.time_ns()}
    try:
        transcript = read_view(view).transcript
        return compare(reference, transcript.text) | {"name": transcript.audio} | made
    except SpeechError as error:
        return error_message(error) | made


@dataclass(frozen=True)
class ViewedTranscript:
    """What the page shows: a transcript, perhaps corrected by the visitor.

    sound: the path that the page names for its sound; not checked.
    kept: for each turn of the model, whether the visitor left words in it. Emptied turns are not in `transcript`.
    """

    transcript: Transcript
    sound: str
    kept: tuple[bool, ...]


def read_view(view: dict | None) -> ViewedTranscript:
    """Read what static/view.js shows, which any client can make up. Raises SpeechError."""
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
) -> Iterator[tuple[dict | None, dict | None]]:
    """Translate the call that the view shows into English; yield message and view, as `read_recordings`.

    The view's own sheets stay as they are: a value without `sheets` keeps them, and `added` is one more.
    paths: the visitor's uploads. The call has to be one of them: a path that only the view names is never opened.
    """
    view = {"sheets": []} | (view or {})
    number = len(view["sheets"])
    try:
        call = _shown_call(view, paths)
        with logged_job("ja2en") as job:
            yield loading_message(JobOptions("ja2en", checkpoints)) or None, {"running": True}
            with closing(_translate(call, number, checkpoints)) as steps:
                for message, made in steps:
                    job.sound_seconds = message["done"]
                    yield message, made if made and "append" in made else None
        yield None, {"sheet": number, "added": made, "running": False}
    except SpeechError as error:
        yield error_message(error), {"running": False}


def _translate(
    call: ViewedTranscript, number: int, checkpoints: Mapping[str, Checkpoint]
) -> Iterator[tuple[dict, dict | None]]:
    """Yield messages with what is added to the sheet of that number; at last the whole sheet."""
    length = max(call.transcript.duration_seconds, 0.001)
    start, job_id = time.monotonic(), uuid.uuid4().hex
    timed, before = call.transcript, 0.0
    if any(turn.timing != "aligned" for turn in timed.turns):
        before = length / 2  # measuring times counts as half of the work
        with closing(transcribe_upload(JobOptions("diarize", checkpoints, align=True), call.sound)) as aligned:
            for _ in aligned:
                yield progress(aligned.duration_seconds / 2, length, time.monotonic() - start), None
            timed = with_corrections(aligned.transcript, call)
    model = served_model(get_task("ja2en"), checkpoints)
    job = Job(model.task, model.task.plan(model.checkpoint), model.engine)
    with (
        closing(translate_turns(timed, stream_audio(call.sound, MAX_SECONDS), job)) as translated,
        closing(Outline(call.sound, True, MAX_SECONDS)) as outline,
    ):
        view = GrowingView(translated, call.sound, outline)
        for step in translated:
            done = before + translated.duration_seconds * (length - before) / length
            message = progress(done, length, time.monotonic() - start)
            yield message, growing(job_id, number, view.add(step)) if isinstance(step, Update) else None
        yield progress(length, length, time.monotonic() - start), view.whole()


def _shown_call(view: dict, paths: list[str]) -> ViewedTranscript:
    """The call that the view shows, whose file is one of the paths. Raises SpeechError."""
    shown = read_view(view)
    name = shown.transcript.audio
    if shown.transcript.direction != "diarize" or shown.sound not in paths:
        raise SpeechError("not_this_call", name=name)
    return shown


def with_corrections(aligned: Transcript, call: ViewedTranscript) -> Transcript:
    """Give the visitor's corrected call the times of the aligned turns.

    The times are estimated if the turns are not those that the model wrote: it may have written others this time, or
    the visitor may have split and joined some.
    """
    if len(aligned.turns) != len(call.kept) or _are_moved(aligned, call):
        return replace(aligned, turns=timed_turns(call.transcript))
    pairs = zip(compress(aligned.turns, call.kept), call.transcript.turns, strict=True)
    return replace(aligned, turns=tuple(_corrected(turn, shown) for turn, shown in pairs))


def _are_moved(aligned: Transcript, call: ViewedTranscript) -> bool:
    """Whether a text of the call stands at another place than the model's equal text."""
    written = {turn.text for turn in aligned.turns}
    pairs = zip(compress(aligned.turns, call.kept), call.transcript.turns, strict=True)
    return any(shown.text != turn.text and shown.text in written for turn, shown in pairs)


def _corrected(aligned: Turn, shown: Turn) -> Turn:
    """The aligned turn with the speaker and text that the page shows. Corrected text has no word times."""
    if shown.text == aligned.text:
        return replace(aligned, speaker=shown.speaker)
    return replace(aligned, speaker=shown.speaker, text=shown.text, words=(), low_confidence=())
