"""Transcribes a test set and measures the accuracy.

    python -m evaluation.run --data cv-corpus-17.0/pt --direction pt --output_dir results/cv17

Recordings go through `kikitori.transcribe`, as on the command line. After an interrupt or a kill, the same command
resumes the run. Each worker transcribes recordings one at a time, not in batches.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path

from evaluation.data import Source, Utterance
from evaluation.options import OptionParser, add_direction, chosen_task
from evaluation.parquet import PARQUET_REVISION
from evaluation.readers import read_utterances, segments
from evaluation.report import summary_table, write_summary
from evaluation.results import Result, RunFolder, hash_weights
from kikitori import Model
from kikitori import transcribe as transcribe_recording
from kikitori.batch.pool import add_workers_option, do_in_order
from kikitori.cli.options import add_engine_options
from kikitori.cli.run import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from kikitori.engines.vllm.addresses import on_engine
from kikitori.errors import AudioError, SpeechError
from kikitori.languages import AUTO
from kikitori.model.checkpoints import checkpoint_folder, choose_device, choose_dtype, load_tokenizer
from kikitori.processes import count_of
from kikitori.tasks import BASES, Checkpoint, Task, choose_checkpoints
from kikitori.transcribe import load_task


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of this command's options."""
    parser = OptionParser(prog="python -m evaluation.run", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data",
        required=True,
        help="a folder in one of the layouts of evaluation/readers.py, or hf://datasets/OWNER/NAME",
    )
    add_direction(parser)
    parser.add_argument(
        "--model", choices=list(BASES), default="1.7b", help="size of the base model, for transcribe (default: 1.7b)"
    )
    parser.add_argument("--output_dir", required=True, type=Path, help="folder of the results; resumes the run in it")
    parser.add_argument("--checkpoint", help="`tiny` for the embedded model, or a folder (default: from the hub)")
    add_engine_options(parser)
    parser.add_argument("--device", help="cpu, cuda, cuda:0 … (default: cuda if available)")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--config", help="parquet: the configuration with the audio, such as en_us")
    parser.add_argument(
        "--reference_config",
        help=f"parquet ({PARQUET_REVISION} on the hub): the configuration with the translations, matched by `id`",
    )
    parser.add_argument("--text_column", help="parquet: the column with the reference")
    parser.add_argument(
        "--name", help="name of the test set in the summary and the cards' rows (default: the data's folder and split)"
    )
    parser.add_argument("--limit", type=count_of("recordings"), help="use only the first LIMIT recordings")
    add_workers_option(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Print the summary on standard output, progress and errors on standard error; return the exit code."""
    options = build_parser().parse_args(argv)
    try:
        summary = run(options)
    except KeyboardInterrupt:
        print("interrupted; the same command resumes the run", file=sys.stderr)
        return EXIT_INTERRUPTED
    except SpeechError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_FAILED
    print(summary_table(summary), end="")
    return EXIT_FAILED if summary["refused"] else EXIT_DONE


def run(options: argparse.Namespace) -> dict:
    """Transcribe the recordings that have no result yet and return the summary of the run. Raises SpeechError."""
    task = chosen_task(options)
    source = Source(options.data, options.split, options.config, options.reference_config, options.text_column)
    chosen = choose_checkpoints([options.checkpoint] if options.checkpoint else [], (), task.role, options.model)
    checkpoints = on_engine(chosen, options.engine, options.engine_url)
    name = options.name or f"{Path(options.data).name}, {options.split}"
    folder = RunFolder(options.output_dir)
    folder.open(asdict(source) | {"name": name} | model_settings(task, checkpoints, options.device))
    done = {result.name for result in folder.results()}
    utterances = islice(read_utterances(source, task), options.limit)
    left = ((utterance,) for utterance in utterances if utterance.name not in done)
    takes_gpu = options.engine == "local" and not (options.device or "cuda").startswith("cpu")
    make_worker = partial(Transcriber, task, checkpoints, options.device)
    for result in _with_progress(do_in_order(make_worker, left, options.workers, takes_gpu)):
        folder.add(result)
    return write_summary(folder)


class Transcriber:
    """A worker that has loaded the model of a run."""

    def __init__(self, task: Task, checkpoints: Mapping[str, Checkpoint], device: str | None):
        self._model = load_task(task, checkpoints, device)

    def do(self, utterance: Utterance) -> Result:
        """Transcribe one recording."""
        return transcribe(self._model, utterance)


def model_settings(task: Task, checkpoints: Mapping[str, Checkpoint], device: str | None) -> dict[str, str | None]:
    """Return what the texts of a run depend on, besides the recordings. Raises EngineError and CheckpointError."""
    checkpoint = checkpoints[task.role]
    settings = {
        "direction": task.name,
        # None for the other directions, as in runs of earlier versions.
        "language": (task.language or AUTO) if task.takes_any else None,
        "checkpoint": checkpoint.name,
    }
    if checkpoint.urls:
        # Such as `vLLM 0.32.0`. A server does not say in which dtype it computes, and its files can't be read here.
        engine = load_task(task, checkpoints, device).engine
        return settings | {"device": engine.device_and_dtype, "dtype": None, "weights_sha256": None}
    device = choose_device(device)
    return settings | {
        # Texts can differ between devices and dtypes. GPUs of one machine count as the same device.
        "device": device.partition(":")[0],
        "dtype": str(choose_dtype(device, checkpoint)).removeprefix("torch."),
        "weights_sha256": hash_weights(checkpoint_folder(checkpoint)),
    }


def transcribe(model: Model, utterance: Utterance) -> Result:
    """Transcribe one recording. A recording that can't be transcribed gets an empty hypothesis and the reason."""
    start = time.perf_counter()
    hypothesis, refused, raw_text, duration, warnings, detected = (), None, "", 0.0, (), ""
    try:
        with utterance.open_file() as path:
            transcript = transcribe_recording(model, path, name=utterance.name, context=utterance.context)
        hypothesis, raw_text = segments(transcript.turns), transcript.raw_text
        duration, detected = transcript.duration_seconds, transcript.language
        warnings = tuple(warning.kind for warning in transcript.warnings)
    except AudioError as error:
        refused = str(error)
        print(f"error: {error}", file=sys.stderr)
    seconds = time.perf_counter() - start
    return Result(
        name=utterance.name,
        reference=utterance.reference,
        hypothesis=hypothesis,
        duration_seconds=duration,
        seconds=0.0 if refused else round(seconds, 3),
        tokens=len(load_tokenizer(model.checkpoint)(raw_text).input_ids),
        raw_text=raw_text,
        warnings=warnings,
        refused=refused,
        language=utterance.language,
        detected=detected,
    )


def _with_progress(utterances):
    """Show progress on standard error if that is a terminal."""
    from tqdm import tqdm

    return tqdm(utterances, unit=" recordings", disable=None)


if __name__ == "__main__":
    raise SystemExit(main())
