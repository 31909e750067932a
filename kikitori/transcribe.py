"""Recordings -> transcripts by a loaded checkpoint: what programs call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kikitori.audio.files import check_stream, check_waveform, stream_audio
from kikitori.model.aligner import align_turns, load_qwen_aligner
from kikitori.model.checkpoints import check_speaker_tokens, choose_device, choose_dtype, load_once
from kikitori.pipeline import Align, Decode, Listen, transcribe_blocks
from kikitori.result import DecodingResult, last
from kikitori.strings import display_name, join_texts
from kikitori.tasks import Checkpoint, Task, check_alignable, choose_aligner, choose_checkpoint, get_task
from kikitori.text.tags import parse_turns
from kikitori.transcript import Transcript

if TYPE_CHECKING:
    from kikitori.engines.journal import Journal
    from kikitori.model.recognizer import Recognizer

MAX_SECONDS = 4 * 3600.0
"""The longest recording that is taken, unless the caller says otherwise."""


@dataclass(frozen=True)
class Model:
    """A loaded checkpoint, ready for one direction."""

    direction: Task
    checkpoint: Checkpoint
    recognizer: Recognizer

    @property
    def device_and_dtype(self) -> str:
        """Where it computes and in what, such as `cpu (float32)`."""
        model = self.recognizer.qwen.model
        return f"{model.device} ({str(model.dtype).removeprefix('torch.')})"

    def decode(self, waveforms: list[np.ndarray]) -> list[DecodingResult]:
        """What the model writes for clips, float32 mono 16 kHz, (samples,) each."""
        from kikitori.model.generate import decode

        return decode(self.recognizer, waveforms, self.direction.language)

    def stream(self, waveforms: list[np.ndarray]) -> Iterator[list[DecodingResult]]:
        """As `decode`, again and again while the texts grow; who stops early (closes the generator) stops the model."""
        from kikitori.model.generate import stream_decode

        yield from stream_decode(self.recognizer, waveforms, self.direction.language)


def load_model(
    direction: str,
    device: str | None = None,
    dtype=None,
    checkpoint: str | None = None,
    revision: str | None = None,
) -> Model:
    """Load what a direction needs; each checkpoint is loaded once and kept.

    direction: a key of TASKS. device: a torch device, by default CUDA where there is one. dtype: a torch dtype,
    by default `choose_dtype`. checkpoint: None for the direction's own from the hub, `tiny`, or a folder.
    revision: of the direction's own checkpoint: a branch, a tag or a commit; None for `main`.
    Raises TaskError or CheckpointError.
    """
    from kikitori.model.recognizer import load_recognizer

    chosen = get_task(direction)
    source = choose_checkpoint(chosen, checkpoint, revision)
    device = choose_device(device)
    model = Model(chosen, source, load_once(source, device, dtype or choose_dtype(device), load_recognizer))
    if chosen.has_speakers:
        check_speaker_tokens(model.recognizer.tokenizer, source.name)
    return model


def load_aligner(device: str | None = None, dtype=None, checkpoint: str | None = None) -> Any:
    """Load the forced aligner, a `qwen_asr.Qwen3ForcedAligner`, once: the tiny one beside `tiny`, else the hub's.

    Arguments and errors are those of `load_model`.
    """
    device = choose_device(device)
    return load_once(choose_aligner(checkpoint), device, dtype or choose_dtype(device), load_qwen_aligner)


def transcribe(model: Model, audio: str | Path | np.ndarray, name: str | None = None, **options) -> Transcript:
    """Turn one recording of any length into text.

    audio: a local file in any format `load_audio` reads, or a float32 mono 16 kHz waveform (samples,) in [-1, 1].
    name: what the transcript and the errors call the recording; by default the file's name.
    options: those of `stream`. Raises AudioError for a recording that can't be used.
    """
    *_, transcript = stream(model, audio, name, **options)
    return transcript


def stream(
    model: Model,
    audio: str | Path | np.ndarray,
    name: str | None = None,
    *,
    aligner: Any = None,
    source: Model | None = None,
    stereo: bool | None = None,
    max_seconds: float = MAX_SECONDS,
    journal: Journal | None = None,
) -> Iterator[Transcript]:
    """As `transcribe`, window by window: transcripts that grow; the last one is complete.

    All but the last carry a warning of the kind `partial`. aligner: from `load_aligner`, to give words and turns
    their own times. source: a model of `get_source`'s direction, to show what was said beside its translation.
    stereo: whether each channel of a call holds one speaker; None to find out. max_seconds: refuse a longer
    recording. journal: keeps the windows that are done, and knows those that were done before.
    """
    direction = model.direction
    align = None
    if aligner is not None:
        check_alignable(direction)

        def align(waveform, turns):
            return align_turns(aligner, waveform, turns, direction.language)

    return stream_with(
        journal.keep(model.stream) if journal else model.stream,
        direction,
        model.checkpoint,
        audio,
        name,
        align=align,
        decode_source=source and source.stream,
        stereo=stereo,
        max_seconds=max_seconds,
    )


def stream_with(
    decode: Decode,
    direction: Task,
    checkpoint: Checkpoint,
    audio: str | Path | np.ndarray,
    name: str | None = None,
    *,
    align: Align | None = None,
    decode_source: Decode | None = None,
    stereo: bool | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[Transcript]:
    """As `stream`, with the caller's own functions of windows' waveforms in the models' place."""
    is_file = isinstance(audio, (str, Path))
    name = name or (display_name(audio) if is_file else "recording")
    if is_file:
        mono = not direction.has_speakers or stereo is False
        blocks = check_stream(stream_audio(audio, max_seconds, mono), name, max_seconds)
    else:
        blocks = [check_waveform(audio, name, max_seconds)[:, np.newaxis]]
    blank = Transcript(name, (), direction.name, direction.language, checkpoint.name, 0.0, "")
    listen = listener(decode_source) if decode_source else None
    return transcribe_blocks(blocks, blank, direction.plan(checkpoint), decode, align, stereo, listen)


def listener(decode: Decode) -> Listen:
    """What was said, from a function that decodes with speakers or without."""

    def listen(waveforms: list[np.ndarray]) -> list[str]:
        parsed = [parse_turns(decoded.text)[0] for decoded in last(decode(waveforms))]
        return [join_texts(turn.text for turn in turns) for turns in parsed]

    return listen
