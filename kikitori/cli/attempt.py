"""Transcribe one recording of a command and deliver it, with its journal, its errors and its warnings."""

from __future__ import annotations

import argparse
from collections.abc import Container, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from kikitori.cli.delivery import Delivery
from kikitori.cli.inputs import Recording, check_recording, sentence
from kikitori.cli.models import Run
from kikitori.cli.report import Report
from kikitori.cli.resume import is_up_to_date, make_record, size_and_time
from kikitori.engines.journal import Journal, JournaledEngine
from kikitori.errors import AudioError, OutputError, TextError, WindowRefusedError
from kikitori.languages import UNSPACED
from kikitori.output.writers import MISSING_PARTS
from kikitori.strings import display_name
from kikitori.text.confidence import unsure_share
from kikitori.text.faults import FAULTS
from kikitori.transcribe import Model, stream
from kikitori.transcript import Transcript, count_languages
from kikitori.update import Update

INCOMPLETE = {*FAULTS, "other_language", "other_script", *MISSING_PARTS}
"""Kinds of warnings that mean that text may be missing or wrong."""
HARMLESS = {"detected", "language_not_checked", "not_aligned", "repaired_times", "unsure"}
"""Kinds of warnings that leave the user nothing to do."""

Warnings = list[tuple[str, str]]
"""Kinds and messages."""


def is_ready(options: argparse.Namespace, delivery: Delivery, inputs: Container[str], report: Report) -> bool:
    """Check what can be checked before a model is loaded. If the recording can't be transcribed, say why."""
    try:
        check_beginning(options, delivery, inputs)
    except (AudioError, OutputError) as error:
        report.say(sentence(error, delivery.recording.shown), "error")
        report.end(delivery.recording, "failed")
        return False
    return True


def check_beginning(options: argparse.Namespace, delivery: Delivery, inputs: Container[str]) -> None:
    """Check the beginning of the recording, and that its output can be written. Raises AudioError or OutputError."""
    check_recording(delivery.recording, options.max_seconds, options.track)
    delivery.check(inputs)


def attempt(run: Run, delivery: Delivery, journals: list[Path]) -> str:
    """Transcribe one recording and say its warnings, also if it breaks off. Returns done, incomplete or failed."""
    warnings: Warnings = []
    state = "done"
    try:
        transcribe_recording(run, delivery, journals, warnings)
    except KeyboardInterrupt:
        state = "interrupted"
    except (AudioError, OutputError, TextError, WindowRefusedError) as error:
        if error.code == "stdout_unwritable":  # and so for all that follow
            raise
        run.report.say(sentence(error, delivery.recording.shown), "error")
        state = "failed"
    if state == "done":
        state = state_of(warnings)
    _say_warnings(run.report, delivery.recording, warnings)
    run.report.end(delivery.recording, state)
    if state == "interrupted":
        raise KeyboardInterrupt
    return state


def state_of(warnings: Warnings) -> str:
    """Return how a recording that was transcribed ended: done, or incomplete."""
    return "incomplete" if any(kind in INCOMPLETE for kind, _ in warnings) else "done"


def _say_warnings(report: Report, recording: Recording, warnings: Warnings) -> None:
    for kind, message in warnings:
        report.say(message, "note" if kind in HARMLESS else "warning", recording.shown)


def transcribe_recording(run: Run, delivery: Delivery, journals: list[Path], warnings: Warnings) -> None:
    """Transcribe one recording and deliver it, unless its journal says that this was done before.

    journals: the journal's path is added once the output is written. warnings: those of the transcript are added, also
    if the recording breaks off. Raises AudioError, OutputError, TextError or WindowRefusedError.
    """
    if delivery.journal_path is None:
        _deliver(run, run.model, delivery, warnings)
        return
    recording = delivery.recording
    with _journal(run, delivery.journal_path) as journal:
        request = request_of(run, recording)
        if journal.written and is_up_to_date(journal.written, request, recording.path, delivery.outputs):
            run.report.say("its output is up to date and left as it is", "note", recording.shown)
            warnings += map(tuple, journal.written["warnings"])
            delivery.summary = journal.written.get("summary", {})
        else:
            if run.options.resume:
                run.report.say(_what_is_resumed(journal), "note", recording.shown)
            journaled = replace(run.model, engine=JournaledEngine(run.model.engine, journal))
            _deliver(run, journaled, delivery, warnings)
            journal.note_written(make_record(request, recording.path, delivery.written, warnings, delivery.summary))
        journals.append(journal.path)


def request_of(run: Run, recording: Recording) -> dict:
    """All that decides a recording's output apart from its sound, ready for JSON."""
    return run.request | file_identity(recording)


def file_identity(recording: Recording) -> dict:
    """What tells a recording's file from others without reading it, ready for JSON."""
    return {"audio": display_name(recording.path), "size_and_time": size_and_time(recording.path)}


def _what_is_resumed(journal: Journal) -> str:
    if journal.resumed:
        return f"windows taken from {journal.path}: {journal.resumed}"
    changed = "was written with another checkpoint, device, language or context"
    return f"starts from the beginning: {journal.path} is missing, or {changed}"


def _deliver(run: Run, model: Model, delivery: Delivery, warnings: Warnings) -> None:
    """Transcribe and deliver. If the work ends early, what is done is delivered too, unless the run wants no parts."""
    options = run.options
    transcription = stream(
        model,
        delivery.recording.path,
        align=options.align,
        source=run.source,
        stereo=options.stereo,
        track=options.track,
        language_check=run.language_check,
        max_seconds=options.max_seconds,
        context=options.context,
        replacements=options.replacements,
    )
    try:
        with closing(transcription), run.report.progress(delivery.recording) as advance:
            for step in transcription:
                if isinstance(step, Update):
                    delivery.add(step, transcription.blank)
                    advance(transcription.duration_seconds)
    finally:
        transcript = transcription.transcript
        if transcription.is_complete or (transcript.turns and run.has_parts):
            delivery.finish(transcript)
            warnings += _kinds_and_messages(transcript)


def _kinds_and_messages(transcript: Transcript) -> Warnings:
    messages = [(warning.kind, warning.message) for warning in transcript.warnings]
    if detected := count_languages(transcript.turns).most_common():
        messages.insert(0, ("detected", f"detected: {', '.join(language for language, _ in detected)}"))
    percent = round(100 * unsure_share(transcript.turns, transcript.language))
    languages = {turn.language or transcript.language for turn in transcript.turns}
    units = sorted({"characters" if language in UNSPACED else "words" for language in languages})
    return messages + ([("unsure", f"unsure of {percent} % of the {' and '.join(units)}")] if percent else [])


@contextmanager
def _journal(run: Run, path: Path) -> Iterator[Journal]:
    """The recording's journal, next to its output. If the work fails, say what is kept."""
    journal = Journal(path, run.job, run.options.resume)
    try:
        yield journal
    except BaseException:
        if path.exists():
            run.report.say(
                f"what is done is kept in {path}; the same command with --resume continues from there", "note"
            )
        raise
