"""What can be asked for on the command line."""

from __future__ import annotations

import argparse
from pathlib import Path

from kikitori.errors import TaskError
from kikitori.output.writers import WRITERS
from kikitori.tasks import TASKS, check_alignable, get_source
from kikitori.transcribe import MAX_SECONDS

SOURCE_FORMATS = ("json", "srt", "vtt", "all")


def build_parser() -> argparse.ArgumentParser:
    """The options, named as whisper's command line names them; hyphens are accepted for underscores."""
    parser = argparse.ArgumentParser(
        prog="inference.py",
        usage=f"%(prog)s audio [audio ...] --direction {{{','.join(TASKS)}}} [options]",
        description="Speech to text: Japanese calls with speakers, English to Japanese and back, Portuguese.",
        epilog="Exit codes: 0 all done, 1 a file failed, 2 wrong usage, 3 a result is incomplete, 130 interrupted.",
    )
    parser.add_argument("audio", nargs="+", help="recordings: wav, flac, ogg, mp3, m4a, mp4, webm and more")
    parser.add_argument(
        "--direction",
        required=True,
        choices=list(TASKS),
        help="; ".join(f"{direction.name}: {direction.label}" for direction in TASKS.values()),
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
    parser.add_argument("--max_line_count", "--max-line-count", type=_positive(int), help="srt, vtt: lines a subtitle")
    return parser


def parse_options(argv: list[str] | None = None) -> argparse.Namespace:
    """The options given; what can't be done with them ends the program, as what argparse itself refuses does."""
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
    if options.source and options.output_format not in SOURCE_FORMATS:
        parser.error(f"--source is not shown in {options.output_format}: use -f {', '.join(SOURCE_FORMATS)}")
    try:
        if options.align:
            check_alignable(TASKS[options.direction])
        if options.source:
            get_source(TASKS[options.direction])
    except TaskError as error:
        parser.error(str(error))
    return options


def _positive(kind: type):
    def parse(text: str):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not positive")
        return value

    parse.__name__ = f"positive {kind.__name__}"
    return parse
