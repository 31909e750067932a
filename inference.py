"""Speech to text with three fine-tunes of Qwen3-ASR-1.7B: what a caller imports, and the command line.

    python inference.py audio.wav --direction en2ja

    from inference import load_model, transcribe
    transcript = transcribe(load_model("en2ja"), "audio.wav")

Importing this module, and `--help`, import neither torch nor qwen_asr.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from speech.audio import display_name, displayed, known_seconds
from speech.checkpoints import Checkpoint, checkpoint_folder
from speech.checks import FAULTS
from speech.cues import has_estimated_times
from speech.directions import (
    DIRECTIONS,
    Direction,
    check_alignable,
    choose_aligner,
    choose_checkpoint,
    get_direction,
    get_source,
    pin_revisions,
)
from speech.errors import AudioError, SpeechError
from speech.formats import WRITERS, Layout
from speech.journal import Journal, journal_path
from speech.outputs import check_writable, print_output, write_output
from speech.transcribing import (
    MAX_SECONDS,
    Model,
    load_aligner,
    load_model,
    stream_transcript,
    stream_with,
    transcribe,
)
from speech.transcript import Transcript
from speech.weights import identify_weights
from speech.written import is_written, make_note, stamp

__all__ = [
    "DIRECTIONS",
    "MAX_SECONDS",
    "Direction",
    "Model",
    "check_alignable",
    "choose_checkpoint",
    "get_direction",
    "get_source",
    "load_aligner",
    "load_model",
    "stream_transcript",
    "stream_with",
    "transcribe",
]

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_INCOMPLETE, EXIT_INTERRUPTED = 0, 1, 2, 3, 130
INCOMPLETE = {*FAULTS, "partial"}
"""Kinds of warnings that mean that text may be missing or wrong."""
TIMED_FORMATS = {"srt", "vtt", "tsv", "rttm"}


def build_parser() -> argparse.ArgumentParser:
    """The options, named as whisper's command line names them; hyphens are accepted for underscores."""
    parser = argparse.ArgumentParser(
        prog="inference.py",
        description="Speech to text: Japanese calls with speakers, English to Japanese and back, Portuguese.",
        epilog="Exit codes: 0 all done, 1 a file failed, 2 wrong usage, 3 a result is incomplete, 130 interrupted.",
    )
    parser.add_argument("audio", nargs="+", help="recordings: wav, flac, ogg, mp3, m4a, mp4, webm and more")
    parser.add_argument(
        "--direction",
        required=True,
        choices=list(DIRECTIONS),
        help="; ".join(f"{direction.name}: {direction.label}" for direction in DIRECTIONS.values()),
    )
    parser.add_argument("--checkpoint", help="`tiny` for the embedded model, or a folder (default: the hub's)")
    parser.add_argument(
        "--revision",
        action="append",
        default=[],
        help="of the hub's checkpoint: a branch, a tag or a commit (default: main); "
        "REPOSITORY=REVISION for the aligner or a source; may be given again",
    )
    parser.add_argument("--device", help="cpu, cuda, cuda:0 … (default: cuda where there is one)")
    parser.add_argument(
        "-f", "--output_format", "--output-format", choices=[*WRITERS, "all"], default="txt", help="default: txt"
    )
    parser.add_argument(
        "-o", "--output_dir", "--output-dir", type=Path, help="write <name>.<format> there, not to standard output"
    )
    parser.add_argument("--resume", action="store_true", help="go on where the same call was ended; needs --output_dir")
    parser.add_argument("--align", action="store_true", help="measure when each word is said, by a forced aligner")
    parser.add_argument(
        "--source", action="store_true", help="en2ja, ja2en: also what was said, in json and below each subtitle"
    )
    parser.add_argument(
        "--stereo",
        action=argparse.BooleanOptionalAction,
        help="diarize: each channel holds one speaker (default: found out by listening)",
    )
    parser.add_argument(
        "--max_seconds", "--max-seconds", type=_positive(float), default=MAX_SECONDS, help="refuse longer recordings"
    )
    parser.add_argument("--max_line_width", "--max-line-width", type=_positive(int), help="srt, vtt: characters")
    parser.add_argument("--max_line_count", "--max-line-count", type=_positive(int), help="srt, vtt: lines a cue")
    return parser


def _positive(kind: type):
    def parse(text: str):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not positive")
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse


def main(argv: list[str] | None = None) -> int:
    """Transcribe the files named on the command line; results on stdout, progress and errors on stderr."""
    parser = build_parser()
    options = parser.parse_args(argv)
    outputs = [Path(audio).stem for audio in options.audio]
    if options.output_dir and len(set(outputs)) < len(outputs):
        twice = next(stem for stem in outputs if outputs.count(stem) > 1)
        parser.error(f"two recordings would both be written to {twice}.{options.output_format}: rename one")
    if options.output_format == "all" and not options.output_dir:
        parser.error("-f all writes one file a format: say where with --output_dir")
    if options.resume and not options.output_dir:
        parser.error("--resume goes on from a journal beside the output: say where with --output_dir")
    try:
        return _run(options)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except SpeechError as error:
        _say(f"error: {error}")
        return EXIT_FAILED


def _run(options: argparse.Namespace) -> int:
    if options.align:
        check_alignable(DIRECTIONS[options.direction])
    own = DIRECTIONS[options.direction].checkpoint.repo_id
    pin_revisions([pin if "=" in pin else f"{own}={pin}" for pin in options.revision], options.checkpoint)
    model = load_model(options.direction, options.device, checkpoint=options.checkpoint)
    beside = {
        "aligner": load_aligner(options.device, checkpoint=options.checkpoint) if options.align else None,
        "source": load_source(options) if options.source else None,
    }
    _say(f"{model.direction.label}, by {model.checkpoint.name} on {model.placed}")
    job = _job(model) if options.output_dir else None
    asked = _asked(options, model, beside["source"]) if options.output_dir else None
    journals: list[Path] = []
    failed = incomplete = False
    for number, audio in enumerate(options.audio, start=1):
        _say(f"{number} of {len(options.audio)}: {audio}")
        delivery = Delivery(options, Path(audio))
        try:
            delivery.check()
            with _journal(options, job, delivery.audio) as journal:
                _deliver(options, model, beside, journal, delivery, asked)
            journals += [journal.path] if journal else []
        except AudioError as error:
            _say(f"error: {error}")
            failed = True
        for kind, message in delivery.warnings:
            _say(f"warning: {display_name(audio)}: {message}")
            incomplete = incomplete or kind in INCOMPLETE
    for path in journals:  # until now they told which recordings need not be done again
        path.unlink(missing_ok=True)
    return EXIT_FAILED if failed else EXIT_INCOMPLETE if incomplete else EXIT_DONE


def load_source(options: argparse.Namespace) -> Model:
    """The model that writes what was said beside its translation. Raises DirectionError where nothing is translated."""
    said = get_source(DIRECTIONS[options.direction])
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
        _say(f"note: {name}: written before, and left as it is")
        delivery.warnings = journal.written["warnings"]
        return
    if options.resume:
        found = f"{journal.resumed} windows are taken from {journal.path}"
        missing = f"it starts at the beginning, as {journal.path} is missing or of another checkpoint or device"
        _say(f"note: {name}: {found if journal.resumed else missing}")
    _transcribe(options, model, beside, journal, delivery)
    journal.note_written(make_note(asked, delivery.audio, delivery.written, delivery.warnings))


def _transcribe(
    options: argparse.Namespace, model: Model, beside: dict, journal: Journal | None, delivery: Delivery
) -> None:
    stream = stream_transcript(
        model,
        delivery.audio,
        **beside,
        stereo=options.stereo,
        max_seconds=options.max_seconds,
        journal=journal,
    )
    try:
        with closing(stream), Bar(delivery.audio) as bar:
            for transcript in stream:
                if transcript.draft:  # the last one that is settled stands meanwhile
                    continue
                delivery.update(transcript)
                bar.update(transcript)
    finally:  # also where it broke off, or was interrupted: what is done is kept
        delivery.finish()


def _job(model: Model) -> dict:
    """What decides a window's text beside its sound."""
    return {"direction": model.direction.name, "weights": _weights(model.checkpoint), "placed": model.placed}


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
            _say(f"note: what is done is kept in {journal.path}; the same call with --resume goes on from there")
        raise


class Delivery:
    """Takes one recording's transcripts as they grow to where the user wants them."""

    def __init__(self, options: argparse.Namespace, audio: Path):
        self.audio = audio
        self.transcript: Transcript | None = None
        """What came last."""
        self.warnings: Sequence[Sequence[str]] = ()
        """Their kinds and messages."""
        self.written: dict[str, str] = {}
        """The texts of the files, by suffix."""
        self._several = len(options.audio) > 1
        self._layout = Layout(options.max_line_width, options.max_line_count)
        self._streams = options.output_dir is None and options.output_format == "txt"
        self._printed = 0
        suffixes = list(WRITERS) if options.output_format == "all" else [options.output_format]
        folder = options.output_dir
        self.outputs = {suffix: folder / f"{audio.stem}.{suffix}" if folder else None for suffix in suffixes}
        """Files by their suffixes; None is standard output."""

    def check(self) -> None:
        """Raise OutputError or AudioError where the output could not be written when the work is done."""
        for path in filter(None, self.outputs.values()):
            check_writable(path)

    def update(self, transcript: Transcript) -> None:
        """Keep the transcript; text for the terminal goes there at once."""
        if self._streams:
            if self.transcript is None and self._several:
                print_output(f"==> {displayed(str(self.audio))} <==\n")  # as head and tail mark their files
            new = replace(transcript, turns=transcript.turns[self._printed :])
            print_output(WRITERS["txt"](new))
            self._printed = len(transcript.turns)
        self.transcript = transcript
        self.warnings = [(warning.kind, warning.message) for warning in transcript.warnings]

    def finish(self) -> None:
        """Write what came last, where there is something and it isn't written yet."""
        if self.transcript is None or self._streams:
            return
        if TIMED_FORMATS & set(self.outputs) and has_estimated_times(self.transcript):
            name = display_name(self.audio)
            _say(f"note: {name}: times inside a window are estimated from its text; --align measures them")
        for suffix, path in self.outputs.items():
            text = WRITERS[suffix](self.transcript, self._layout)
            if path is None:
                print_output(text)
            else:
                write_output(path, text)
                self.written[suffix] = text
                _say(f"written: {path}")


class Bar:
    """How far a recording is, on standard error where that is a terminal."""

    def __init__(self, audio: Path):
        from tqdm import tqdm

        total = known_seconds(audio)
        self._bar = tqdm(total=round(total, 1) if total else None, unit="s", unit_scale=True, leave=False, disable=None)

    def __enter__(self) -> Bar:
        return self

    def update(self, transcript: Transcript) -> None:
        """Move to where the transcript ends."""
        self._bar.update(transcript.duration_seconds - self._bar.n)

    def __exit__(self, *_) -> None:
        self._bar.close()


def _say(message: str) -> None:
    print(displayed(message), file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
