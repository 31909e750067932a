"""The options of the command line, and the checks that need no model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import kikitori
from kikitori.cli.effects import check_effects
from kikitori.cli.parser import Parser
from kikitori.cli.texts import read_context, read_rules
from kikitori.engines.vllm.addresses import ENGINES, on_engine
from kikitori.errors import SpeechError
from kikitori.languages import AUTO, CODES
from kikitori.output.writers import WRITERS
from kikitori.tasks import (
    BASES,
    CHECKPOINTS,
    FORMATS,
    TASKS,
    Checkpoint,
    check_alignable,
    choose_checkpoints,
    choose_task,
)
from kikitori.transcribe import MAX_SECONDS


def build_parser() -> Parser:
    """Build the parser. Options are named as in whisper's command line, and hyphens are accepted for underscores."""
    parser = Parser(
        prog="kikitori",
        usage=f"%(prog)s audio [audio ...] --direction {{{','.join(TASKS)}}} [options]\n"
        "       %(prog)s page [options]\n       %(prog)s serve [options]\n"
        "       %(prog)s batch LIST_OR_FOLDER --direction DIRECTION -o OUT [options]\n"
        "       %(prog)s live [-] --direction DIRECTION [options]\n"
        "       %(prog)s watch folder output --direction DIRECTION [options]\n"
        "       %(prog)s quantise FOLDER OUT [--weights FORMAT]",
        description="Transcribe recordings: Japanese calls with speakers, English to Japanese and back, Portuguese, "
        "and any of 30 languages. `kikitori page` opens the web page; `kikitori serve` serves OpenAI's audio API; "
        "`kikitori batch` transcribes many recordings, on one machine or several; "
        "`kikitori live` writes down what is said while somebody speaks; "
        "`kikitori watch` transcribes what arrives in a folder; `kikitori quantise` makes a checkpoint smaller.",
        epilog="Exit codes: 0 all done, 1 a recording failed, 2 wrong usage, 3 a transcript is incomplete, "
        "130 interrupted, 141 standard output was closed.",
    )
    parser.add_argument("--version", action="version", version=f"kikitori {kikitori.__version__}")
    parser.add_argument(
        "audio",
        nargs="*",
        help="recordings: wav, flac, ogg, mp3, m4a, mp4, webm and more; folders of them; - for standard input",
    )
    parser.add_argument(
        "--files_from", "--files-from", metavar="LIST", help="a file with one path per line; - for standard input"
    )
    parser.add_argument("--recursive", action="store_true", help="search the subfolders of folders too")
    parser.add_argument(
        "--direction",
        required=True,
        choices=list(TASKS),
        help="; ".join(f"{task.name}: {task.label}" for task in TASKS.values()),
    )
    parser.add_argument(
        "--language",
        default=AUTO,
        metavar="LANGUAGE",
        help=f"transcribe: what is spoken, by English name or ISO code, one of {', '.join(CODES)}; default: {AUTO}, "
        "detected from pause to pause",
    )
    parser.add_argument(
        "--model",
        type=str.lower,
        choices=list(BASES),
        default="1.7b",
        help="size of the base model, for transcribe (default: 1.7b)",
    )
    add_checkpoint_options(parser, "a folder for the direction, ")
    add_engine_options(parser)
    parser.add_argument("--device", help="cpu, cuda, cuda:0 … (default: cuda if there is one)")
    parser.add_argument(
        "-f",
        "--output_format",
        "--output-format",
        choices=[*WRITERS, "all"],
        action="append",
        help="may be repeated, with --output_dir (default: txt)",
    )
    parser.add_argument(
        "-o",
        "--output_dir",
        "--output-dir",
        type=Path,
        help="write <name>.<format> into this folder, instead of standard output",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue an earlier run of the same command; needs --output_dir"
    )
    parser.add_argument(
        "--skip_existing",
        "--skip-existing",
        action="store_true",
        help="leave out recordings whose output files all exist; needs --output_dir",
    )
    parser.add_argument("--align", action="store_true", help="diarize, pt, transcribe: measure when each word was said")
    parser.add_argument(
        "--source",
        action="store_true",
        help="en2ja, ja2en: add the words as they were spoken, in json, tsv and below each subtitle",
    )
    parser.add_argument(
        "--stereo",
        action=argparse.BooleanOptionalAction,
        help="diarize: each channel holds one speaker, or does not (default: detected)",
    )
    parser.add_argument(
        "--track", type=_positive(int), help="number of the audio track, from 1 on (default: the first with sound)"
    )
    add_language_check_option(parser)
    parser.add_argument("--context", metavar="TEXT", help="names and terms that may be said, for the model to know")
    parser.add_argument("--context_file", "--context-file", metavar="FILE", help="the same, as a text file in UTF-8")
    parser.add_argument(
        "--replace",
        metavar="OLD=NEW",
        action="append",
        default=[],
        help="replace whole words in the text; may be repeated, and the rules are applied in this order",
    )
    parser.add_argument(
        "--replace_file",
        "--replace-file",
        metavar="FILE",
        help="such rules as a text file in UTF-8, one per line, applied before those of --replace",
    )
    parser.add_argument(
        "--max_seconds",
        "--max-seconds",
        type=_positive(float),
        default=MAX_SECONDS,
        help=f"refuse longer recordings (default: {MAX_SECONDS:g})",
    )
    parser.add_argument(
        "--max_line_width", "--max-line-width", type=_positive(int), help="srt, vtt: characters per line"
    )
    parser.add_argument(
        "--max_line_count", "--max-line-count", type=_positive(int), help="srt, vtt: lines per subtitle"
    )
    parser.add_argument(
        "--progress",
        choices=["bar", "json"],
        default="bar",
        help="on standard error: lines and a bar for people (default), or one JSON object per line for programs",
    )
    return parser


def add_checkpoint_options(parser: argparse.ArgumentParser, folder_help: str = "") -> None:
    """Add --checkpoint, --revision and --weights, as `choose_checkpoints` takes them."""
    parser.add_argument(
        "--checkpoint",
        action="append",
        default=[],
        help=f"`tiny` for the small embedded checkpoints, {folder_help}or NAME=FOLDER with one of the names "
        f"{', '.join(CHECKPOINTS)}; may be repeated (default: those on the Hugging Face hub)",
    )
    parser.add_argument(
        "--revision",
        action="append",
        default=[],
        help="REPOSITORY=REVISION: a branch, tag or commit of a checkpoint on the hub; may be repeated (default: main)",
    )
    parser.add_argument(
        "--weights",
        choices=FORMATS,
        help="hold the decoder's weights in 8 or 4 bits, on a CPU: less memory, faster, no longer exact "
        "(default: exact; a folder that `kikitori quantise` wrote needs no option)",
    )


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add --engine and --engine_url, as `on_engine` takes them."""
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="what decodes: this process (default), or vLLM servers, which load no checkpoint here",
    )
    parser.add_argument(
        "--engine_url",
        "--engine-url",
        metavar="URL",
        action="append",
        default=[],
        help="vllm: a server's address, such as http://127.0.0.1:8000; may be repeated, and the least busy server "
        "that has loaded the checkpoint gets the next window",
    )


def add_language_check_option(parser: argparse.ArgumentParser) -> None:
    """Add --no_language_check."""
    parser.add_argument(
        "--no_language_check",
        "--no-language-check",
        dest="language_check",
        action="store_false",
        help="do not check that the recording is in the direction's language; the check needs the base checkpoint",
    )


def parse_options(argv: list[str], command: argparse.ArgumentParser | None = None) -> argparse.Namespace:
    """Parse the options. Options that contradict each other end the program with exit code 2, as in argparse.

    command: the parser of another command that takes these options too, and says itself which recordings it needs; its
    usage is printed with an error.
    """
    parser = build_parser()
    if command:
        parser.prog, parser.usage = command.prog, command.format_usage().removeprefix("usage: ").strip()
    end = argv.index("--") if "--" in argv else len(argv)
    options = parser.parse_intermixed_args(argv[:end])  # recordings may stand before and after options
    options.audio += argv[end + 1 :]  # argparse would take -a.wav for an option
    options.output_format = list(dict.fromkeys(options.output_format or ["txt"]))
    if not command and not options.audio and options.files_from is None:
        parser.error("the following arguments are required: audio")
    if (len(options.output_format) > 1 or "all" in options.output_format) and not options.output_dir:
        parser.error("several formats are one file each: name a folder with --output_dir")
    try:
        check_effects(options, parser)
        options.context = read_context(options.context, options.context_file)
        options.replacements = read_rules(options.replace, options.replace_file)
        task = choose_task(options.direction, options.language)
        chosen_checkpoints(options, task.role)
        if options.align:
            check_alignable(task)
    except (SpeechError, argparse.ArgumentTypeError) as error:
        parser.error(str(error))
    return options


def chosen_checkpoints(options: argparse.Namespace, role: str) -> dict[str, Checkpoint]:
    """The checkpoints by role, and the servers that decode with them. Raises CheckpointError."""
    chosen = choose_checkpoints(options.checkpoint, options.revision, role, options.model, options.weights)
    return on_engine(chosen, options.engine, options.engine_url)


def _positive(kind: type) -> Callable[[str], float]:
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text!r} is not {'a whole' if kind is int else 'a'} number above 0")
        return value

    return parse
