"""Load a model and transcribe recordings: the functions that programs call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kikitori.audio.checks import check_stream, check_waveform
from kikitori.audio.files import SAMPLE_RATE, open_recording
from kikitori.audio.resample import resample_waveform
from kikitori.engines.engine import Engine
from kikitori.engines.vllm.addresses import on_engine
from kikitori.engines.vllm.engine import VllmEngine
from kikitori.job import Job
from kikitori.languages import AUTO
from kikitori.peaks import Peaks
from kikitori.pipeline import transcribe_blocks
from kikitori.strings import display_name
from kikitori.tasks import Checkpoint, Task, check_alignable, choose_checkpoints, choose_task, get_source
from kikitori.text.context import check_context
from kikitori.text.replacements import check_rules
from kikitori.transcript import Transcript
from kikitori.update import Transcription

MAX_SECONDS = 4 * 3600.0
"""The longest recording that is accepted, unless the caller says otherwise."""


@dataclass(frozen=True)
class Model:
    """An engine ready for one task."""

    task: Task
    checkpoint: Checkpoint
    engine: Engine


def load_model(
    direction: str,
    device: str | None = None,
    dtype=None,
    checkpoint: str | None = None,
    revision: str | None = None,
    language: str = AUTO,
    size: str = "1.7b",
    weights: str | None = None,
    engine: str = "local",
    engine_url: str | Sequence[str] = (),
) -> Model:
    """Load what a direction needs; each checkpoint is loaded once per process and kept.

    Args:
        direction: `diarize`, `en2ja`, `ja2en`, `pt` or `transcribe`.
        device: a torch device; None for CUDA if there is one, else the CPU.
        dtype: a torch dtype; None for `choose_dtype`: bfloat16 on CUDA, on a CPU usually float32.
        checkpoint: None for the direction's own from the hub, `tiny` for the embedded one, or a folder.
        revision: a branch, tag or commit of the hub's checkpoint; None for `main`.
        language: of `transcribe`: an English name or ISO code of `kikitori.languages`, or `auto` to detect it.
        size: of the base model, for `transcribe`: `1.7b` or `0.6b`.
        weights: `int8` or `int4` to hold the decoder's weights in 8 or 4 bits, on a CPU; None for exact ones, or for
            what a folder from `kikitori quantise` holds.
        engine: `local` to load the checkpoint here, `vllm` if a vLLM server has loaded it.
        engine_url: that server's address, or several: the least busy one gets the next window.

    Raises:
        TaskError: there is no such direction, language or size.
        CheckpointError: the checkpoint can't be found, read or trusted. EngineError, one of these: no server serves it.
    """
    task = choose_task(direction, language)
    choices = [checkpoint] if checkpoint else []
    revisions = [revision] if revision else []
    checkpoints = choose_checkpoints(choices, revisions, task.role, size, weights)
    return load_task(task, on_engine(checkpoints, engine, engine_url), device, dtype)


def load_task(task: Task, checkpoints: Mapping[str, Checkpoint], device: str | None = None, dtype=None) -> Model:
    """Load the model of a task, or find the server that has. Raises CheckpointError.

    checkpoints: by role, from `choose_checkpoints`, perhaps with the addresses of `on_engine`.
    """
    checkpoint = checkpoints[task.role]
    if checkpoint.urls:
        engine: Engine = VllmEngine(checkpoint, checkpoints["aligner"], device, dtype, task.has_speakers)
    else:
        from kikitori.engines.local import LocalEngine  # imports torch

        engine = LocalEngine(checkpoint, checkpoints["aligner"], device, dtype, task.has_speakers)
    return Model(task, checkpoint, engine)


def transcribe(
    model: Model,
    audio: str | Path | np.ndarray,
    *,
    name: str | None = None,
    align: bool = False,
    source: Model | None = None,
    stereo: bool | None = None,
    track: int | None = None,
    language_check: Model | None = None,
    max_seconds: float = MAX_SECONDS,
    sample_rate: int = SAMPLE_RATE,
    context: str = "",
    replacements: Sequence[tuple[str, str]] = (),
) -> Transcript:
    """Transcribe one recording of any length.

    Args:
        model: from `load_model`.
        audio: a local file in any format that `load_audio` reads, or a mono waveform of floats, (samples,), in [-1, 1].
        name: what the transcript and the errors call the recording; by default the file's name.
        align: measure when each turn and word was said.
        source: for translations, the model that writes what was said (of the task that `get_source` returns).
        stereo: whether each channel of a call holds one speaker; None to detect it.
        track: the number of a file's audio track, from 1 on; None for the first with sound. A waveform has one.
        language_check: a model that can detect the spoken language (of the base or the tiny checkpoint). If the
            recording is in another language than the direction's, the first warning says so.
        max_seconds: refuse a longer recording.
        sample_rate: of a waveform, in Hz; files have their own.
        context: names and terms that may be said, or any text about the recording, of up to 2,000 characters.
        replacements: what is replaced in the text, and by what (kikitori/text/replacements.py).

    A damaged recording is transcribed as far as it can be read, with a warning of the kind `damaged`.

    Raises:
        AudioError: the recording can't be read or transcribed.
        TaskError: `align` or `source` does not fit the model's task.
        TextError: the context or a replacement can't be used, for example because it is too long.
        ValueError: the waveform is not a one-dimensional array of floats, or its rate or `track` not a positive number.
    """
    return stream(
        model,
        audio,
        name=name,
        align=align,
        source=source,
        stereo=stereo,
        track=track,
        language_check=language_check,
        max_seconds=max_seconds,
        sample_rate=sample_rate,
        context=context,
        replacements=replacements,
    ).finish()


def stream(
    model: Model,
    audio: str | Path | np.ndarray,
    *,
    name: str | None = None,
    align: bool = False,
    source: Model | None = None,
    stereo: bool | None = None,
    track: int | None = None,
    language_check: Model | None = None,
    max_seconds: float = MAX_SECONDS,
    sample_rate: int = SAMPLE_RATE,
    context: str = "",
    replacements: Sequence[tuple[str, str]] = (),
) -> Transcription:
    """Transcribe window by window; arguments and errors are those of `transcribe`.

    Iterate over the result for drafts and updates. Nothing is read before the first step.
    """
    task = model.task
    if align:
        check_alignable(task)
    if source:
        get_source(task)
    context, rules = check_context(context), check_rules(replacements)
    if isinstance(audio, (str, Path)):
        name = name or display_name(audio)
        mono = not task.has_speakers or stereo is False
        recording = open_recording(audio, max_seconds, mono, track)
        blocks, reading = check_stream(recording.blocks, name, max_seconds), recording.warnings
    else:
        name = name or "recording"
        waveform = audio if sample_rate == SAMPLE_RATE else resample_waveform(audio, sample_rate, name)
        blocks, reading = [check_waveform(waveform, name, max_seconds)[:, np.newaxis]], []
    job = Job(
        task,
        task.plan(model.checkpoint),
        model.engine,
        align,
        stereo,
        source and _as_source(source),
        language_check.engine if language_check and task.spoken else None,
        context,
        rules,
    )
    language = task.language or ""
    blank = Transcript(name, (), task.name, language, model.checkpoint.name, 0.0, "", replacements=rules)
    peaks = Peaks()
    return Transcription(transcribe_blocks(peaks.watch(blocks), job, reading), blank, peaks)


def _as_source(model: Model) -> Job:
    return Job(model.task, model.task.plan(model.checkpoint), model.engine)
