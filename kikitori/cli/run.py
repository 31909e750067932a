"""The command line: transcribe each recording, deliver the result, and return the exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kikitori.audio.files import check_file
from kikitori.cli.delivery import Delivery
from kikitori.cli.options import parse_options
from kikitori.cli.progress import Bar, say
from kikitori.cli.resume import is_up_to_date, make_record, size_and_time
from kikitori.engines.journal import Journal, JournaledEngine, journal_path
from kikitori.errors import AudioError, OutputError, SpeechError
from kikitori.strings import display_name
from kikitori.tasks import TASKS, Checkpoint, Task, choose_checkpoints, get_source
from kikitori.text.faults import FAULTS
from kikitori.transcribe import Model, load_task, stream
from kikitori.transcript import Transcript
from kikitori.update import Update

EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 0, 1, 3, 130
"""argparse exits with 2 for wrong usage."""
INCOMPLETE = {*FAULTS, "other_script", "partial"}
"""Kinds of warnings that mean that text may be missing or wrong."""
HARMLESS = {"repaired_times"}
"""Kinds of warnings that leave the user nothing to do."""

Warnings = list[tuple[str, str]]
"""Kinds and messages."""


@dataclass(frozen=True)
class Run:
    """One command: its options, its models, and what identifies its work for `--resume`.

    job: what decides the decoded text (direction, weights, device); if it changes, journalled results can't be reused.
    request: what else decides the output files (aligner, layout and so on). Both are JSON-serialisable.
    """

    options: argparse.Namespace
    model: Model
    source: Model | None
    job: dict
    request: dict


def main(argv: list[str] | None = None) -> int:
    """Run the command line: results on standard output, progress and errors on standard error."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["page"]:
        from kikitori.page.app import main as serve_page

        return serve_page(argv[1:])
    options = parse_options(argv)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SpeechError as error:
        say(f"error: {error}")
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    deliveries = [delivery for audio in options.audio if (delivery := _prepare(options, Path(audio)))]
    if not deliveries:
        return EXIT_FAILED
    run = _load(options)
    has_failed, is_incomplete = len(deliveries) < len(options.audio), False
    journals: list[Path] = []
    for number, delivery in enumerate(deliveries, start=1):
        say(f"{number} of {len(deliveries)}: {delivery.audio}")
        warnings: Warnings = []
        try:
            _transcribe(run, delivery, journals, warnings)
        except (AudioError, OutputError) as error:
            if error.code == "stdout_unwritable":  # and so for all that follow
                raise
            say(f"error: {error}")
            has_failed = True
        finally:  # an interrupted recording has a warning too
            _say_warnings(delivery.audio, warnings)
        is_incomplete = is_incomplete or any(kind in INCOMPLETE for kind, _ in warnings)
    if has_failed:
        return EXIT_FAILED  # the journals stay, so that --resume does only what failed
    for path in journals:
        path.unlink(missing_ok=True)
    return EXIT_INCOMPLETE if is_incomplete else EXIT_DONE


def _say_warnings(audio: Path, warnings: Warnings) -> None:
    for kind, message in warnings:
        say(f"{'note' if kind in HARMLESS else 'warning'}: {display_name(audio)}: {message}")


def _prepare(options: argparse.Namespace, audio: Path) -> Delivery | None:
    """Check what can be checked before a model is loaded. If a recording can't be done, say why and return None."""
    delivery = Delivery(options, audio)
    try:
        check_file(audio)
        delivery.check()
    except (AudioError, OutputError) as error:
        say(f"error: {error}")
        return None
    return delivery


def _load(options: argparse.Namespace) -> Run:
    """Load the models that the options ask for. Raises CheckpointError."""
    task = TASKS[options.direction]
    checkpoints = choose_checkpoints(options.checkpoint, options.revision, task.role)
    _say_loading(checkpoints, task.role)
    model = load_task(task, checkpoints, options.device)
    source = _load_source(options, checkpoints, get_source(task)) if options.source else None
    if options.align:
        _say_loading(checkpoints, "aligner", "--align")
        _ = model.engine.aligner  # loaded now, so that an error comes before the first window is transcribed
    say(f"{task.label}, by {model.checkpoint.name} on {model.engine.device_and_dtype}")
    if options.output_dir is None:
        return Run(options, model, source, {}, {})
    job = {
        "direction": task.name,
        "weights": _weights(model.checkpoint),
        "device_and_dtype": model.engine.device_and_dtype,
    }
    return Run(options, model, source, job, _request(options, checkpoints, model, source))


def _load_source(options: argparse.Namespace, checkpoints: Mapping[str, Checkpoint], task: Task) -> Model:
    _say_loading(checkpoints, task.role, "--source")
    return load_task(task, checkpoints, options.device)


def _say_loading(checkpoints: Mapping[str, Checkpoint], role: str, option: str = "") -> None:
    """Say which checkpoint is loaded now. option: the one that needs it, in addition to the direction's."""
    checkpoint = checkpoints[role]
    where = "" if checkpoint.folder else " from the hub"
    purpose = f" for {option}" if option else ""
    instead = f" (to load another: --checkpoint {role}=FOLDER)" if option and where else ""
    say(f"loading the checkpoint {checkpoint.name}{where}{purpose}{instead}")


def _request(
    options: argparse.Namespace, checkpoints: Mapping[str, Checkpoint], model: Model, source: Model | None
) -> dict:
    return {
        "checkpoint": model.checkpoint.name,
        "aligner": _weights(checkpoints["aligner"]) if options.align else None,
        "source": _weights(source.checkpoint) if source else None,
        "stereo": options.stereo,
        "max_seconds": options.max_seconds,
        "layout": [options.max_line_width, options.max_line_count],
    }


def _weights(checkpoint: Checkpoint) -> list[list]:
    from kikitori.model.checkpoints import checkpoint_folder
    from kikitori.model.weights import identify_weights

    return identify_weights(checkpoint_folder(checkpoint))


def _transcribe(run: Run, delivery: Delivery, journals: list[Path], warnings: Warnings) -> None:
    """Transcribe one recording and deliver it, unless its journal says that this was done before.

    journals: the journal's path is added once the output is written. warnings: those of the transcript are added, also
    if the recording breaks off. Raises AudioError or OutputError.
    """
    if run.options.output_dir is None:
        _deliver(run, run.model, delivery, warnings)
        return
    audio = delivery.audio
    with _journal(run, audio) as journal:
        name = display_name(audio)
        request = run.request | {"audio": name, "size_and_time": size_and_time(audio)}
        if journal.written and is_up_to_date(journal.written, request, audio, delivery.outputs):
            say(f"note: {name}: its output is up to date and left as it is")
            warnings += map(tuple, journal.written["warnings"])
        else:
            _say_what_is_resumed(run, journal, name)
            journaled = replace(run.model, engine=JournaledEngine(run.model.engine, journal))
            _deliver(run, journaled, delivery, warnings)
            journal.note_written(make_record(request, audio, delivery.written, warnings))
        journals.append(journal.path)


def _say_what_is_resumed(run: Run, journal: Journal, name: str) -> None:
    if not run.options.resume:
        return
    if journal.resumed:
        say(f"note: {name}: windows taken from {journal.path}: {journal.resumed}")
    else:
        say(f"note: {name}: starts anew: {journal.path} is missing, or was written by another checkpoint or device")


def _deliver(run: Run, model: Model, delivery: Delivery, warnings: Warnings) -> None:
    """Transcribe and deliver. What is done is delivered too if the recording breaks off or the user interrupts."""
    options = run.options
    transcription = stream(
        model,
        delivery.audio,
        align=options.align,
        source=run.source,
        stereo=options.stereo,
        max_seconds=options.max_seconds,
    )
    try:
        with closing(transcription), Bar(delivery.audio) as bar:
            for step in transcription:
                if isinstance(step, Update):
                    delivery.add(step, transcription.blank)
                    bar.update(transcription.duration_seconds)
    finally:
        transcript = transcription.transcript
        if transcript.turns or transcription.is_complete:
            delivery.finish(transcript)
            warnings += _kinds_and_messages(transcript)


def _kinds_and_messages(transcript: Transcript) -> Warnings:
    return [(warning.kind, warning.message) for warning in transcript.warnings]


@contextmanager
def _journal(run: Run, audio: Path) -> Iterator[Journal]:
    """The recording's journal, next to its output. If the work fails, say what is kept."""
    path = journal_path(run.options.output_dir, audio.stem, run.options.direction)
    journal = Journal(path, run.job, run.options.resume)
    try:
        yield journal
    except BaseException:
        if path.exists():
            say(f"note: what is done is kept in {path}; the same command with --resume continues from there")
        raise
