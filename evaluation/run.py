"""Transcribe a test set and measure the outcome.

    python -m evaluation.run --data cv-corpus-17.0/pt --direction pt --output_dir results/cv17

Recordings go through `inference.transcribe`, as they would from the command line. Run it again to go on after an
interrupt or a kill. Not covered: batches over several recordings.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from evaluation.data import PARQUET_REVISION, Source, Utterance, read_utterances, segments
from evaluation.report import summary_table, write_summary
from evaluation.results import Folder, Result, hash_weights
from evaluation.scoring import Pair, count_errors
from inference import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, TASKS, Model, choose_checkpoint, load_model
from inference import transcribe as transcribe_recording
from kikitori.errors import AudioError, SpeechError
from kikitori.model.checkpoints import checkpoint_folder


def build_parser() -> argparse.ArgumentParser:
    """The options; hyphens are accepted for underscores."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.run", description=__doc__.splitlines()[0])

    def add(name: str, **options) -> None:
        parser.add_argument(*dict.fromkeys((f"--{name}", f"--{name.replace('_', '-')}")), **options)

    add("data", required=True, help="a folder in one of the layouts of evaluation/data.py, or hf://datasets/OWNER/NAME")
    add("direction", required=True, choices=list(TASKS))
    add("output_dir", required=True, type=Path, help="where results are written, and read again by a run that goes on")
    add("checkpoint", help="`tiny` for the embedded model, or a folder (default: the hub's)")
    add("device", help="cpu, cuda, cuda:0 … (default: cuda where there is one)")
    add("split", default="test", help="default: test")
    add("config", help="parquet: the part of the data set with the audio, such as en_us")
    add("reference_config", help=f"parquet ({PARQUET_REVISION} on the hub): the part with the translations, by `id`")
    add("text_column", help="parquet: where the reference is")
    add("name", help="of the set, in the summary and among the cards' rows (default: the data's folder and split)")
    add("limit", type=_count, help="only so many recordings, the first ones")
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} is less than 1")
    return count


def main(argv: list[str] | None = None) -> int:
    """The command line: the table on standard output, progress and errors on standard error."""
    options = build_parser().parse_args(argv)
    try:
        summary = run(options)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return EXIT_INTERRUPTED
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(summary_table(summary), end="")
    return EXIT_FAILED if summary["refused"] else EXIT_DONE


def run(options: argparse.Namespace) -> dict:
    """Do what is not done yet of a run, and return its summary. Raises SpeechError."""
    direction = TASKS[options.direction]
    source = Source(options.data, options.split, options.config, options.reference_config, options.text_column)
    checkpoint = choose_checkpoint(direction, options.checkpoint)
    folder = Folder(options.output_dir)
    folder.open(
        asdict(source)
        | {
            "name": options.name or f"{Path(options.data).name}, {options.split}",
            "direction": direction.name,
            "checkpoint": checkpoint.name,
            "weights_sha256": hash_weights(checkpoint_folder(checkpoint)),
        }
    )
    done = {result.name for result in folder.results()}
    utterances = islice(read_utterances(source, direction), options.limit)
    for utterance in _shown(utterance for utterance in utterances if utterance.name not in done):
        model = load_model(direction.name, options.device, checkpoint=options.checkpoint)  # loaded once and kept
        folder.add(transcribe(model, utterance))
    return write_summary(folder)


def transcribe(model: Model, utterance: Utterance) -> Result:
    """One recording's result; one that cannot be transcribed is as if nothing had been heard in it."""
    start = time.perf_counter()
    hypothesis, refused, raw_text, duration, warnings = (), None, "", 0.0, ()
    try:
        with utterance.open_file() as path:
            transcript = transcribe_recording(model, path, utterance.name)
        hypothesis, raw_text = segments(transcript.turns), transcript.raw_text
        duration = transcript.duration_seconds
        warnings = tuple(warning.kind for warning in transcript.warnings)
    except AudioError as error:
        refused = str(error)
        print(f"error: {error}", file=sys.stderr)
    seconds = time.perf_counter() - start
    errors = count_errors(model.direction, Pair(utterance.reference, hypothesis))
    return Result(
        name=utterance.name,
        reference=utterance.reference,
        hypothesis=hypothesis,
        errors={name: asdict(counted) for name, counted in errors.items()},
        duration_seconds=duration,
        seconds=0.0 if refused else round(seconds, 3),
        tokens=len(model.recognizer.tokenizer(raw_text).input_ids),
        raw_text=raw_text,
        warnings=warnings,
        refused=refused,
    )


def _shown(utterances):
    """The same, counted on standard error where that is a terminal."""
    from tqdm import tqdm

    return tqdm(utterances, unit=" recordings", disable=None)


if __name__ == "__main__":
    raise SystemExit(main())
