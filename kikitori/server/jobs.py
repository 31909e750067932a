"""One recording of a visitor or a program, transcribed on the server with the choices that came with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace

from kikitori.engines.journal import JournaledEngine, KeptResults
from kikitori.engines.vllm.engine import VllmEngine
from kikitori.engines.zero_gpu import HeardLanguage, ZeroGpuEngine
from kikitori.errors import AudioError, EngineError
from kikitori.languages import AUTO
from kikitori.server.job_log import logged_job
from kikitori.tasks import CHECKPOINTS, LANGUAGE_CHECK, Checkpoint, Task, choose_task, get_source, get_task
from kikitori.text.replacements import parse_rules
from kikitori.transcribe import Model, load_task, stream
from kikitori.transcript import Transcript
from kikitori.update import Draft, Transcription, Update

Step = Update | Draft | Transcript
"""What a job hands on; the transcript comes last."""


@dataclass(frozen=True)
class JobOptions:
    """A visitor's choices.

    align: measure when each word was said. source: show what was said with the translation. language: as
    `find_language` takes it, for the direction that takes any. context, replace: as the visitor typed them; replace has
    one rule per line.
    """

    direction: str
    checkpoints: Mapping[str, Checkpoint] = field(default_factory=lambda: CHECKPOINTS)
    align: bool = False
    source: bool = False
    language: str = AUTO
    context: str = ""
    replace: str = ""


def served_model(task: Task, checkpoints: Mapping[str, Checkpoint], check: Checkpoint | None = None) -> Model:
    """A model that computes on a vLLM server, on ZeroGPU's GPU, or on this process's device.

    check: as `ZeroGpuEngine` takes it. Raises EngineError if no vLLM server can be used.
    """
    checkpoint = checkpoints[task.role]
    if checkpoint.urls:
        return load_task(task, checkpoints)
    return Model(task, checkpoint, ZeroGpuEngine(checkpoint, checkpoints["aligner"], task.has_speakers, check))


def transcribe_upload(
    options: JobOptions, audio: str | None, name: str | None = None, kept: KeptResults | None = None
) -> Transcription:
    """Start the transcription of a visitor's recording.

    name: as `stream` takes it. kept: results of windows that are not decoded again, to which new ones are added. If
    there are any, the language of the recording was checked before. Raises SpeechError.
    """
    if audio is None:
        raise AudioError("no_recording")
    task = choose_task(options.direction, options.language)
    is_checked = not task.spoken or bool(kept and kept.results)
    check = None if is_checked else options.checkpoints.get(LANGUAGE_CHECK)
    model = served_model(task, options.checkpoints, check)
    source = served_model(get_source(model.task), options.checkpoints) if options.source else None
    return stream(
        keeping(model, kept),
        audio,
        name=name,
        align=options.align,
        source=source and keeping(source, kept),
        language_check=_language_check(model, check, options.checkpoints["aligner"]) if check else None,
        context=options.context,
        replacements=parse_rules(options.replace),
    )


def _language_check(model: Model, check: Checkpoint, aligner: Checkpoint) -> Model | None:
    """The model that hears which language is spoken; None if no vLLM server has loaded it."""
    if isinstance(model.engine, ZeroGpuEngine):
        return replace(model, engine=HeardLanguage(model.engine))
    try:
        return replace(model, engine=VllmEngine(check, aligner))
    except EngineError:
        return None


def keeping(model: Model, kept: KeptResults | None) -> Model:
    """The model with an engine that keeps the results of windows, and does not decode those again that are kept."""
    return replace(model, engine=JournaledEngine(model.engine, kept)) if kept else model


def run_job(options: JobOptions, audio: str | None) -> Iterator[Transcription]:
    """Transcribe a program's recording, as one job in the log; yield the transcription after each step.

    Closing the generator stops the job. Raises SpeechError.
    """
    with logged_job(get_task(options.direction).name) as job, closing(transcribe_upload(options, audio)) as made:
        yield made  # even if there are no steps
        for _ in made:
            job.sound_seconds = made.duration_seconds
            yield made
