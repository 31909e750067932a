"""Load the models of one command, and say so."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from kikitori.cli.options import chosen_checkpoints
from kikitori.cli.report import Report
from kikitori.engines.vllm.engine import VllmEngine
from kikitori.errors import CheckpointError
from kikitori.tasks import Checkpoint, Task, choose_task, get_language_check, get_source
from kikitori.transcribe import Model, load_task


@dataclass(frozen=True)
class Run:
    """One command: its options, its models, and what identifies its work for `--resume`.

    job: what decides the decoded text (direction, weights, device, context); if it changes, journalled results can't
    be reused.
    request: what else decides the output files (aligner, layout and so on). Both are JSON-serialisable.
    has_parts: whether a recording's output is also written if the work on it ends early.
    """

    options: argparse.Namespace
    report: Report
    model: Model
    source: Model | None
    language_check: Model | None
    job: dict
    request: dict
    has_parts: bool = True


def load_run(options: argparse.Namespace, report: Report) -> Run:
    """Load the models that the options ask for. Raises CheckpointError."""
    task = choose_task(options.direction, options.language)
    checkpoints = chosen_checkpoints(options, task.role)
    report.say(loading(checkpoints, task.role))
    model = load_task(task, checkpoints, options.device)
    source = _load_source(options, report, checkpoints, get_source(task)) if options.source else None
    is_checked = options.language_check and task.spoken is not None
    language_check = _load_language_check(options, report, checkpoints, model) if is_checked else None
    if options.align:
        report.say(loading(checkpoints, "aligner", "--align"))
        _ = model.engine.aligner  # loaded now, so that an error comes before the first window is transcribed
    report.say(f"{task.label}, by {model.checkpoint.name} on {model.engine.device_and_dtype}")
    if options.output_dir is None:
        return Run(options, report, model, source, language_check, {}, {})
    job = {
        "direction": task.name,
        "language": task.language,
        "weights": _weights(model.checkpoint),
        "device_and_dtype": model.engine.device_and_dtype,
        "context": options.context,
    }
    request = _request(options, checkpoints, model, source) | {"language_check": bool(language_check)}
    return Run(options, report, model, source, language_check, job, request)


def identity_of(options: argparse.Namespace) -> dict:
    """All that decides the output apart from the recordings, ready for JSON. No checkpoint is loaded.

    vLLM servers are asked for their versions. Raises CheckpointError.
    """
    task = choose_task(options.direction, options.language)
    checkpoints = chosen_checkpoints(options, task.role)
    aligner, device = checkpoints["aligner"], options.device

    def identity(checkpoint: Checkpoint) -> list:
        return [checkpoint.name, _weights(checkpoint), *_computed(checkpoint, aligner, device)]

    def identity_of_check() -> list | None:
        try:
            return identity(checkpoints[get_language_check(task, checkpoints).role])
        except CheckpointError:  # the recordings will not be checked
            return None

    return _choices(options) | {
        "direction": task.name,
        "language": task.language,
        "context": options.context,
        "model": identity(checkpoints[task.role]),
        "aligner": _weights(aligner) if options.align else None,
        "source": identity(checkpoints[get_source(task).role]) if options.source else None,
        "language_check": identity_of_check() if options.language_check and task.spoken is not None else None,
    }


def _computed(checkpoint: Checkpoint, aligner: Checkpoint, device: str | None) -> list[str]:
    """By what a checkpoint is computed: the version of vLLM, or the kind of device, the dtype and the weights."""
    if checkpoint.urls:
        return [VllmEngine(checkpoint, aligner).device_and_dtype]
    from kikitori.model.checkpoints import choose_device, choose_dtype

    device = choose_device(device)
    return [device.partition(":")[0], str(choose_dtype(device, checkpoint)), checkpoint.weights or ""]


def _load_source(
    options: argparse.Namespace, report: Report, checkpoints: Mapping[str, Checkpoint], task: Task
) -> Model:
    report.say(loading(checkpoints, task.role, "--source"))
    return load_task(task, checkpoints, options.device)


def _load_language_check(
    options: argparse.Namespace, report: Report, checkpoints: Mapping[str, Checkpoint], model: Model
) -> Model | None:
    """Load the model that detects the spoken language. If it can't be loaded, say so and return None."""
    task = get_language_check(model.task, checkpoints)
    if task == model.task:
        return model
    report.say(loading(checkpoints, task.role, "the language check"))
    try:
        return load_task(task, checkpoints, options.device)
    except CheckpointError as error:
        report.say(f"the language is not checked, as with --no_language_check: {error}", "note")
        return None


def loading(checkpoints: Mapping[str, Checkpoint], role: str, option: str = "") -> str:
    """Which checkpoint is loaded now. option: the one that needs it, in addition to the direction's."""
    checkpoint = checkpoints[role]
    if checkpoint.urls:
        return f"asking vLLM for the checkpoint {checkpoint.name}" + (f" for {option}" if option else "")
    where = "" if checkpoint.folder else " from the hub"
    purpose = f" for {option}" if option else ""
    instead = f" (to load another: --checkpoint {role}=FOLDER)" if option and where else ""
    return f"loading the checkpoint {checkpoint.name}{where}{purpose}{instead}"


def _request(
    options: argparse.Namespace, checkpoints: Mapping[str, Checkpoint], model: Model, source: Model | None
) -> dict:
    return {
        "checkpoint": model.checkpoint.name,
        "aligner": _weights(checkpoints["aligner"]) if options.align else None,
        "source": [_weights(source.checkpoint), source.engine.device_and_dtype] if source else None,
    } | _choices(options)


def _choices(options: argparse.Namespace) -> dict:
    """What the user has chosen besides models."""
    return {
        "stereo": options.stereo,
        "track": options.track,
        "max_seconds": options.max_seconds,
        "replacements": [list(rule) for rule in options.replacements],
        "layout": [options.max_line_width, options.max_line_count],
    }


def _weights(checkpoint: Checkpoint) -> list[list]:
    """What tells a checkpoint from others: its files, or its name where a server has loaded it."""
    if checkpoint.urls:
        return [["vllm", checkpoint.name, checkpoint.revision]]
    from kikitori.model.checkpoints import checkpoint_folder
    from kikitori.model.weights import identify_weights

    return identify_weights(checkpoint_folder(checkpoint))
