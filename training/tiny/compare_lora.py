"""The diarization card's finding, tried on the tiny checkpoint: projector and rows against LoRA on the decoder.

    python -m training.compare_speakers --output_dir results/compare-speakers

From one base without speaker tokens two checkpoints are taught the same telephone calls, and all three are measured on
held-out calls and on speech of another kind: wide band, other sentences, one speaker. The base is the tiny checkpoint
without its tokens, retrained on transcripts without tags; its encoder was once taught who speaks, so speakers are
easier to find in it than in a checkpoint that never was.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import soundfile
import torch

from evaluation.data import DataError
from evaluation.metrics import character_errors
from kikitori.errors import exit_code_of
from kikitori.output.files import write_atomically
from kikitori.strings import join_texts
from kikitori.text.faults import find_faults
from kikitori.text.tags import parse_turns
from kikitori.transcript import Turn
from training.checkpoints import write_checkpoint
from training.collator import Collator
from training.manifest import Sample, hash_samples, native_text, read_manifest, to_int16, write_manifest
from training.speakers import (
    SETTINGS,
    SpeakerModel,
    add_speaker_tokens,
    freeze_all_but_projector_and_rows,
    learned_tensors,
    write_speaker_checkpoint,
)
from training.synthesis import pool, voices
from training.synthesis.clips import ClipMaker, compose_sentences
from training.tiny.measure import ROOT, Recording, held_out_recordings, right_speakers
from training.tiny.strip_speakers import strip_speakers
from training.trainable import load_trainable
from training.trainer import SEED, Settings, fit

BASE_MIX, CALLS_MIX = {"call": 0.6, "japanese": 0.4}, {"call": 1.0}
"""What the base is trained on, and what the speakers are taught with."""
BASE_CLIPS, CALLS, MEASURED = 1200, 800, 60
BASE_SETTINGS = Settings(1e-4, "cosine", 0.05, batch_size=8, accumulation=1, epochs=1.0)
LEARNING_RATES = (2e-3, 5e-3)
"""Larger than the card's: 100 updates of its 2e-4 would move no row far enough for its tag to be written."""
LORA_RANK = 16
DECODER = r"thinker\.model\.layers\.\d+\..*\.(q|k|v|o|gate|up|down)_proj"
_TAG = re.compile(r"<\|spk_\d\|> ?")


@dataclass(frozen=True)
class Outcome:
    """What one checkpoint makes of one kind of speech."""

    checkpoint: str
    learning_rate: float | None
    trained_parameters: int
    speech: str
    clips: int
    cer: float  # percent
    right_turns: float  # percent of the reference's turns that have the right label
    loops: int  # clips
    leaks: int  # clips with control tokens or instructions in their text


def write_samples(folder: Path, mix: dict[str, float], count: int, tags: bool, work: Path, seed: int) -> list[Sample]:
    """Clips of synthetic speech as training samples, mixed once and kept in the folder.

    Raises DataError where it keeps more or fewer.
    """
    manifest = folder / "manifest.jsonl"
    if manifest.exists():
        samples = read_manifest(manifest)
        if len(samples) != count:
            raise DataError(f"{folder} holds {len(samples)} clips, not {count}: choose another --output_dir")
        return samples
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    samples = []
    for clip in islice(draw_clips(mix, work, seed), count):
        digest = hash_samples(clip.waveform)
        path = folder / "audio" / f"{digest}.flac"
        soundfile.write(path, to_int16(clip.waveform), voices.SAMPLE_RATE, subtype="PCM_16")
        words = clip.transcript if tags else _TAG.sub("", clip.transcript)
        seconds = len(clip.waveform) / voices.SAMPLE_RATE
        samples.append(Sample(path, native_text("Japanese", words), seconds, digest))
    write_manifest(manifest, samples)
    return samples


def draw_clips(mix: dict[str, float], work: Path, seed: int) -> Iterator:
    """Endless clips of the pool that the tiny checkpoint was trained on."""
    maker = ClipMaker(pool.load_or_make(work / "pool"), mix, seed)
    while True:
        yield maker.draw()


def other_speech() -> Iterator[Recording]:
    """Endless held-out clips of one speaker, wide band, with sentences that calls don't have."""
    rng = random.Random("other speech")
    maker = pool.MAKERS["ja2en"](rng.getrandbits(32))
    while True:
        voice = pool.draw_voice("ja2en", rng, held_out=True)
        factor = voices.draw_factor(rng, voice)
        spoken = [pool.utter("ja2en", maker.draw(held_out=True), voice).warped(factor) for _ in range(2)]
        waveform, reference, *_ = compose_sentences("japanese", spoken, rng)
        yield Recording(waveform, reference)


def make_base(work: Path, folder: Path, samples: Sequence[Sample]) -> Path:
    """The tiny checkpoint without speaker tokens, and used to writing without them."""
    stripped, base = folder / "stripped", folder / "base"
    if not (base / "config.json").exists():
        strip_speakers(ROOT / "assets" / "tiny", stripped)
        model, processor = load_trainable(stripped)
        fit(model, Collator(processor), samples, [], BASE_SETTINGS, base / "checkpoints", stripped)
        write_checkpoint(stripped, base, model.state_dict())
    return base


def add_lora(model: SpeakerModel) -> None:
    """In place of the projector, low-rank adapters on all of the decoder's linear layers learn, beside the rows."""
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(SEED)
    config = LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules=DECODER)
    inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or name == "rows")


def merged_tensors(model: SpeakerModel) -> dict[str, torch.Tensor]:
    """The decoder's linear layers with their adapters added, under the names of a checkpoint."""
    from peft.tuners.lora import LoraLayer

    merged = {}
    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            module.merge()
            merged[f"{name}.weight"] = module.get_base_layer().weight
    return merged


def teach(base: Path, samples: Sequence[Sample], learning_rate: float, lora: bool, folder: Path) -> int:
    """Write the checkpoint that one method makes; returns how many parameters learned."""
    settings = replace(SETTINGS, learning_rate=learning_rate)
    model, processor = load_trainable(base, SpeakerModel)
    add_speaker_tokens(model, processor.tokenizer)
    if lora:
        add_lora(model)
    else:
        freeze_all_but_projector_and_rows(model)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    fit(model, Collator(processor), samples, [], settings, folder / "checkpoints", base)
    changed = learned_tensors(model) | (merged_tensors(model) if lora else {})
    write_speaker_checkpoint(model, processor, base, folder, changed)
    return trained


def measure(folder: Path, recordings: Sequence[Recording]) -> dict[str, float | int]:
    """The figures of a checkpoint on recordings."""
    from kikitori.model.generate import decode
    from kikitori.model.recognizer import load_recognizer

    recognizer = load_recognizer(str(folder))
    decoded = decode(recognizer, [recording.waveform for recording in recordings], "Japanese")
    faults = [
        find_faults(one, len(recording.waveform) / voices.SAMPLE_RATE)
        for one, recording in zip(decoded, recordings, strict=True)
    ]
    pairs = [
        (parse_turns(recording.reference)[0], parse_turns(one.text)[0])
        for one, recording in zip(decoded, recordings, strict=True)
    ]
    errors = [character_errors(_words(said), _words(heard)) for said, heard in pairs]
    right = sum(right_speakers(said, heard) for said, heard in pairs)
    return {
        "clips": len(recordings),
        "cer": 100 * sum(one.total for one in errors) / sum(one.length for one in errors),
        "right_turns": 100 * right / sum(len(said) for said, _ in pairs),
        "loops": sum("loop" in found or "budget" in found for found in faults),
        "leaks": sum("control_token" in found or "echo" in found for found in faults),
    }


def _words(turns: Sequence[Turn]) -> str:
    return join_texts(turn.text for turn in turns)


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as Markdown."""
    columns = "checkpoint, learning rate, trained parameters, speech, clips, CER, right speaker, loops, leaks".split(
        ", "
    )
    lines = [columns, ["---"] * len(columns)]
    for one in outcomes:
        rate = "" if one.learning_rate is None else f"{one.learning_rate:g}"
        figures = [f"{one.cer:.1f} %", f"{one.right_turns:.1f} %", str(one.loops), str(one.leaks)]
        lines.append([one.checkpoint, rate, f"{one.trained_parameters:,}", one.speech, str(one.clips), *figures])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def compare(output: Path, work: Path, learning_rates: Sequence[float], calls_taught: int) -> list[Outcome]:
    """Make what is missing in `output`, and measure it. calls_taught: how many calls the speakers are taught with."""
    samples = write_samples(output / "plain", BASE_MIX, BASE_CLIPS, False, work, seed=1)
    base = make_base(work, output, samples)
    calls = write_samples(output / "calls", CALLS_MIX, calls_taught, True, work, seed=2)
    kinds = {"calls": held_out_recordings("call"), "other speech": other_speech()}
    recordings = {kind: list(islice(drawn, MEASURED)) for kind, drawn in kinds.items()}
    checkpoints: list[tuple[str, float | None, Path, int]] = [("base", None, base, 0)]
    for rate in learning_rates:
        for name, lora in (("projector and rows", False), ("LoRA and rows", True)):
            folder = output / f"{name.split()[0].lower()}-{rate:g}"
            checkpoints.append((name, rate, folder, teach(base, calls, rate, lora, folder)))
    outcomes = []
    for name, rate, folder, trained in checkpoints:
        for kind, chosen in recordings.items():
            outcomes.append(Outcome(name, rate, trained, kind, **measure(folder, chosen)))
            print(table(outcomes[-1:]).splitlines()[-1], flush=True)
    return outcomes


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.compare_speakers", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="where spoken data is kept")
    parser.add_argument("--learning_rate", type=float, nargs="+", default=LEARNING_RATES)
    parser.add_argument("--calls", type=int, default=CALLS, help="how many calls the speakers are taught with")
    options = parser.parse_args(argv)

    def work() -> None:
        torch.manual_seed(0)
        outcomes = compare(options.output_dir, options.work, options.learning_rate, options.calls)
        write_atomically(options.output_dir / "comparison.md", table(outcomes))
        records = json.dumps([asdict(one) for one in outcomes], indent=2)
        write_atomically(options.output_dir / "comparison.json", records)
        print(table(outcomes), end="")

    return exit_code_of(work)


if __name__ == "__main__":
    raise SystemExit(main())
