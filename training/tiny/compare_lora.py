"""Repeats the diarization card's comparison on the tiny checkpoint: training the projector, or LoRA on the decoder.

    python -m training.tiny.compare_lora --output_dir results/compare-lora

Both methods also train the speakers' embedding rows. They train two checkpoints from the same base on the same
telephone calls. Base and both results are measured on held-out calls, and on other speech: wide band, other sentences,
one speaker. The base is the tiny checkpoint without speaker tokens, retrained on transcripts without tags. Its encoder
has been trained to tell speakers apart, so the task is easier than with other checkpoints.
"""

from __future__ import annotations

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
from evaluation.options import OptionParser
from kikitori.errors import exit_code_of
from kikitori.output.files import write_atomically
from kikitori.strings import join_texts
from kikitori.text.faults import find_faults
from kikitori.text.tags import parse_turns
from kikitori.transcript import Turn
from training.checkpoints import write_checkpoint
from training.collator import Collator
from training.manifest import Sample, hash_waveform, native_text, read_manifest, to_int16, write_manifest
from training.speakers import (
    SETTINGS,
    SpeakerModel,
    add_speaker_tokens,
    freeze_all_but_projector_and_rows,
    trained_tensors,
    write_speaker_checkpoint,
)
from training.synthesis import pool, voices
from training.synthesis.clips import ClipMaker, compose_sentences
from training.tiny.measure import ROOT, HeldOutClip, held_out_clips, right_speakers
from training.tiny.strip_speakers import strip_speakers
from training.trainable import load_trainable
from training.trainer import SEED, Settings, fit

BASE_MIX, CALLS_MIX = {"call": 0.6, "japanese": 0.4}, {"call": 1.0}
"""Training clips of the base, and of the speaker training."""
BASE_CLIPS, CALLS, MEASURED = 1200, 800, 60
BASE_SETTINGS = Settings(1e-4, "cosine", 0.05, batch_size=8, accumulation=1, epochs=1.0)
LEARNING_RATES = (2e-3, 5e-3)
"""Larger than the card's 2e-4, with which 100 updates would change the rows too little for a tag to be written."""
LORA_RANK = 16
DECODER = r"thinker\.model\.layers\.\d+\..*\.(q|k|v|o|gate|up|down)_proj"
_TAG = re.compile(r"<\|spk_\d\|> ?")


@dataclass(frozen=True)
class Outcome:
    """The figures of one checkpoint on one kind of speech."""

    checkpoint: str
    learning_rate: float | None
    trained_parameters: int
    speech: str
    clips: int
    cer: float  # percent
    right_turns: float  # percent of the reference turns
    loops: int  # number of clips
    leaks: int  # number of clips with control tokens or instructions in their text


def write_samples(folder: Path, mix: dict[str, float], count: int, tags: bool, work: Path, seed: int) -> list[Sample]:
    """Return training samples of synthetic speech. They are made once and kept in the folder.

    tags: whether texts have speaker tags. Raises DataError if the folder has another number of samples.
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
        digest = hash_waveform(clip.waveform)
        path = folder / "audio" / f"{digest}.flac"
        soundfile.write(path, to_int16(clip.waveform), voices.SAMPLE_RATE, subtype="PCM_16")
        words = clip.transcript if tags else _TAG.sub("", clip.transcript)
        seconds = len(clip.waveform) / voices.SAMPLE_RATE
        samples.append(Sample(path, native_text("Japanese", words), seconds, digest))
    write_manifest(manifest, samples)
    return samples


def draw_clips(mix: dict[str, float], work: Path, seed: int) -> Iterator:
    """Yield training clips of the tiny checkpoint's pool without end."""
    maker = ClipMaker(pool.load_or_make(work / "pool"), mix, seed)
    while True:
        yield maker.draw()


def other_speech() -> Iterator[HeldOutClip]:
    """Yield held-out wide-band clips of one speaker without end, with sentences that do not occur in calls."""
    rng = random.Random("other speech")
    maker = pool.MAKERS["ja2en"](rng.getrandbits(32))
    while True:
        voice = pool.draw_voice("ja2en", rng, held_out=True)
        factor = voices.draw_factor(rng, voice)
        spoken = [pool.speak_sentence("ja2en", maker.draw(held_out=True), voice).warped(factor) for _ in range(2)]
        waveform, reference, *_ = compose_sentences("japanese", spoken, rng)
        yield HeldOutClip(waveform, reference)


def make_base(work: Path, folder: Path, samples: Sequence[Sample]) -> Path:
    """Return the base: the tiny checkpoint without speaker tokens, retrained on texts without tags."""
    stripped, base = folder / "stripped", folder / "base"
    if not (base / "config.json").exists():
        strip_speakers(ROOT / "assets" / "tiny", stripped)
        model, processor = load_trainable(stripped)
        fit(model, Collator(processor), samples, [], BASE_SETTINGS, base / "checkpoints", stripped)
        write_checkpoint(stripped, base, model.state_dict())
    return base


def add_lora(model: SpeakerModel) -> None:
    """Train low-rank adapters on all linear layers of the decoder instead of the projector; rows stay trainable."""
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(SEED)
    config = LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules=DECODER)
    inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or name == "rows")


def merged_tensors(model: SpeakerModel) -> dict[str, torch.Tensor]:
    """Merge the adapters into the decoder's linear layers; return these under their names in a checkpoint."""
    from peft.tuners.lora import LoraLayer

    merged = {}
    for name, module in model.named_modules():
        if isinstance(module, LoraLayer):
            module.merge()
            merged[f"{name}.weight"] = module.get_base_layer().weight
    return merged


def train_speakers(base: Path, samples: Sequence[Sample], learning_rate: float, lora: bool, folder: Path) -> int:
    """Train one checkpoint and write it to `folder`; return the number of trained parameters."""
    settings = replace(SETTINGS, learning_rate=learning_rate)
    model, processor = load_trainable(base, SpeakerModel)
    add_speaker_tokens(model, processor.tokenizer)
    if lora:
        add_lora(model)
    else:
        freeze_all_but_projector_and_rows(model)
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    fit(model, Collator(processor), samples, [], settings, folder / "checkpoints", base)
    changed = trained_tensors(model) | (merged_tensors(model) if lora else {})
    write_speaker_checkpoint(model, processor, base, folder, changed)
    return trained


def measure_checkpoint(folder: Path, clips: Sequence[HeldOutClip]) -> dict[str, float | int]:
    """Return the figures of a checkpoint on clips, as fields of an `Outcome`."""
    from kikitori.model.generate import decode
    from kikitori.model.recognizer import load_recognizer

    recognizer = load_recognizer(str(folder))
    decoded = decode(recognizer, [clip.waveform for clip in clips], "Japanese")
    faults = [
        find_faults(result, len(clip.waveform) / voices.SAMPLE_RATE)
        for result, clip in zip(decoded, clips, strict=True)
    ]
    pairs = [
        (parse_turns(clip.reference)[0], parse_turns(result.text)[0])
        for result, clip in zip(decoded, clips, strict=True)
    ]
    errors = [character_errors(_words(reference), _words(hypothesis)) for reference, hypothesis in pairs]
    right = sum(right_speakers(reference, hypothesis) for reference, hypothesis in pairs)
    return {
        "clips": len(clips),
        "cer": 100 * sum(counts.total for counts in errors) / sum(counts.length for counts in errors),
        "right_turns": 100 * right / sum(len(reference) for reference, _ in pairs),
        "loops": sum("loop" in found or "budget" in found for found in faults),
        "leaks": sum("control_token" in found or "echo" in found for found in faults),
    }


def _words(turns: Sequence[Turn]) -> str:
    return join_texts(turn.text for turn in turns)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as a Markdown table."""
    columns = "checkpoint, learning rate, trained parameters, speech, clips, CER, right speaker, loops, leaks".split(
        ", "
    )
    lines = [columns, ["---"] * len(columns)]
    for outcome in outcomes:
        rate = "" if outcome.learning_rate is None else f"{outcome.learning_rate:g}"
        figures = [f"{outcome.cer:.1f} %", f"{outcome.right_turns:.1f} %", str(outcome.loops), str(outcome.leaks)]
        cells = [outcome.checkpoint, rate, f"{outcome.trained_parameters:,}", outcome.speech, str(outcome.clips)]
        lines.append([*cells, *figures])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def compare(output: Path, work: Path, learning_rates: Sequence[float], training_calls: int) -> list[Outcome]:
    """Train all checkpoints in the folder `output` and measure them.

    training_calls: number of calls for the speaker training. Data and base are reused if `output` already has them.
    """
    samples = write_samples(output / "plain", BASE_MIX, BASE_CLIPS, False, work, seed=1)
    base = make_base(work, output, samples)
    calls = write_samples(output / "calls", CALLS_MIX, training_calls, True, work, seed=2)
    kinds = {"calls": held_out_clips("call"), "other speech": other_speech()}
    measured = {kind: list(islice(drawn, MEASURED)) for kind, drawn in kinds.items()}
    checkpoints: list[tuple[str, float | None, Path, int]] = [("base", None, base, 0)]
    for rate in learning_rates:
        for name, lora in (("projector and rows", False), ("LoRA and rows", True)):
            folder = output / f"{name.split()[0].lower()}-{rate:g}"
            checkpoints.append((name, rate, folder, train_speakers(base, calls, rate, lora, folder)))
    outcomes = []
    for name, rate, folder, trained in checkpoints:
        for kind, chosen in measured.items():
            outcomes.append(Outcome(name, rate, trained, kind, **measure_checkpoint(folder, chosen)))
            print(table(outcomes[-1:]).splitlines()[-1], flush=True)
    return outcomes


def main(argv: list[str] | None = None) -> int:
    """Run the comparison, write and print its table; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.compare_lora", description=__doc__.splitlines()[0])
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="cache of the synthesised speech")
    parser.add_argument("--learning_rate", type=float, nargs="+", default=LEARNING_RATES)
    parser.add_argument("--calls", type=int, default=CALLS, help="number of calls for the speaker training")
    options = parser.parse_args(argv)

    def work() -> None:
        torch.manual_seed(0)
        outcomes = compare(options.output_dir, options.work, options.learning_rate, options.calls)
        write_atomically(options.output_dir / "comparison.md", table(outcomes))
        records = json.dumps([asdict(outcome) for outcome in outcomes], indent=2)
        write_atomically(options.output_dir / "comparison.json", records)
        print(table(outcomes), end="")

    return exit_code_of(work)


if __name__ == "__main__":
    raise SystemExit(main())
