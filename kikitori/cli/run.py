"""The command line's work: each recording through the model to where it is wanted, and the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from kikitori.audio.files import check_file
from kikitori.cli.delivery import Delivery
from kikitori.cli.options import parse_options
from kikitori.cli.progress import Bar, say
from kikitori.cli.resume import is_written, make_note, stamp
from kikitori.engines.journal import Journal, journal_path
from kikitori.errors import AudioError, SpeechError
from kikitori.model.checkpoints import checkpoint_folder
from kikitori.model.weights import identify_weights
from kikitori.strings import display_name
from kikitori.tasks import TASKS, Checkpoint, choose_aligner, get_source, pin_revisions
from kikitori.text.faults import FAULTS
from kikitori.transcribe import Model, load_aligner, load_model, stream

EXIT_DONE, EXIT_FAILED, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 0, 1, 3, 130
"""2 is wrong usage, and argparse's."""
INCOMPLETE = {*FAULTS, "partial"}
"""Kinds of warnings that mean that text may be missing or wrong."""
HARMLESS = {"mended_times"}
"""Kinds that leave nothing to do."""


def main(argv: list[str] | None = None) -> int:
    """Transcribe the files named on the command line; results on stdout, progress and errors on stderr."""
    options = parse_options(argv)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SpeechError as error:
        say(f"error: {error}")
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    recordings = [audio for audio in options.audio if _is_there(audio)]
    if not recordings:
        return EXIT_FAILED
    own = TASKS[options.direction].checkpoint.repo_id
    pin_revisions([pin if "=" in pin else f"{own}={pin}" for pin in options.revision], options.checkpoint)
    model = load_model(options.direction, options.device, checkpoint=options.checkpoint)
    beside = {
        "aligner": load_aligner(options.device, checkpoint=options.checkpoint) if options.align else None,
        "source": load_source(options) if options.source else None,
    }
    say(f"{model.direction.label}, by {model.checkpoint.name} on {model.device_and_dtype}")
    job = _job(model) if options.output_dir else None
    asked = _asked(options, model, beside["source"]) if options.output_dir else None
    journals: list[Path] = []
    failed, incomplete = len(recordings) < len(options.audio), False
    for number, audio in enumerate(recordings, start=1):
        say(f"{number} of {len(recordings)}: {audio}")
        delivery = Delivery(options, Path(audio))
        try:
            delivery.check()
            with _journal(options, job, delivery.audio) as journal:
                _deliver(options, model, beside, journal, delivery, asked)
            journals += [journal.path] if journal else []
        except AudioError as error:
            say(f"error: {error}")
            failed = True
        for kind, message in delivery.warnings:
            say(f"{'note' if kind in HARMLESS else 'warning'}: {display_name(audio)}: {message}")
            incomplete = incomplete or kind in INCOMPLETE
    for path in journals:  # until now they told which recordings need not be done again
        path.unlink(missing_ok=True)
    return EXIT_FAILED if failed else EXIT_INCOMPLETE if incomplete else EXIT_DONE


def _is_there(audio: str) -> bool:
    """Whether a file can be opened; found out, and told, before a model is loaded for it."""
    try:
        check_file(Path(audio))
    except AudioError as error:
        say(f"error: {error}")
        return False
    return True


def load_source(options: argparse.Namespace) -> Model:
    """The model that writes what was said beside its translation."""
    said = get_source(TASKS[options.direction])
    return load_model(said.name, options.device, checkpoint=options.checkpoint)


def _deliver(
    options: argparse.Namespace,
    model: Model,
    beside: dict,
    journal: Journal | None,
    delivery: Delivery,
    asked: dict | None,
) -> None:
    """Write one recording's output, unless its journal says that the same call did so before."""
    if journal is None:
        _transcribe(options, model, beside, journal, delivery)
        return
    name = display_name(delivery.audio)
    asked = asked | {"audio": name, "sound": stamp(delivery.audio)}
    if journal.written and is_written(journal.written, asked, delivery.audio, delivery.outputs):
        say(f"note: {name}: written before, and left as it is")
        delivery.warnings = journal.written["warnings"]
        return
    if options.resume:
        found = f"{journal.resumed} windows are taken from {journal.path}"
        missing = f"it starts at the beginning, as {journal.path} is missing or of another checkpoint or device"
        say(f"note: {name}: {found if journal.resumed else missing}")
    _transcribe(options, model, beside, journal, delivery)
    journal.note_written(make_note(asked, delivery.audio, delivery.written, delivery.warnings))


def _transcribe(
    options: argparse.Namespace, model: Model, beside: dict, journal: Journal | None, delivery: Delivery
) -> None:
    transcripts = stream(
        model,
        delivery.audio,
        **beside,
        stereo=options.stereo,
        max_seconds=options.max_seconds,
        journal=journal,
    )
    try:
        with closing(transcripts), Bar(delivery.audio) as bar:
            for transcript in transcripts:
                if transcript.draft:  # the last one that is settled stands meanwhile
                    continue
                delivery.update(transcript)
                bar.update(transcript)
    finally:  # also where it broke off, or was interrupted: what is done is kept
        delivery.finish()


def _job(model: Model) -> dict:
    """What decides a window's text beside its sound."""
    return {
        "direction": model.direction.name,
        "weights": _weights(model.checkpoint),
        "device_and_dtype": model.device_and_dtype,
    }


def _asked(options: argparse.Namespace, model: Model, source: Model | None) -> dict:
    """What decides what is written beside the windows' texts and the recording."""
    return {
        "checkpoint": model.checkpoint.name,
        "aligner": _weights(choose_aligner(options.checkpoint)) if options.align else None,
        "source": _weights(source.checkpoint) if source else None,
        "stereo": options.stereo,
        "max_seconds": options.max_seconds,
        "layout": [options.max_line_width, options.max_line_count],
    }


def _weights(checkpoint: Checkpoint) -> list[list]:
    return identify_weights(checkpoint_folder(checkpoint))


@contextmanager
def _journal(options: argparse.Namespace, job: dict | None, audio: Path) -> Iterator[Journal | None]:
    """The recording's journal, beside its output; what is kept in it is told where something goes wrong."""
    if job is None:
        yield None
        return
    journal = Journal(journal_path(options.output_dir, audio.stem, options.direction), job, options.resume)
    try:
        yield journal
    except BaseException:
        if journal.path.exists():
            say(f"note: what is done is kept in {journal.path}; the same call with --resume goes on from there")
        raise
