"""How often this project's decoder and qwen-asr write the same tokens: `python -m benchmarks.agreement`.

Both decode with the same weights, on one device, in each dtype: the recordings of tests/ and examples/ with the tiny
checkpoint, and noise with models of the tiny shape and random weights. Random weights are the harder test: their texts
never end, and the most likely token is often hardly more likely than the next.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.qwen_generate import generate_with_qwen
from kikitori.audio.files import SAMPLE_RATE, load_audio
from kikitori.model.generate import decode, token_budget
from kikitori.model.qwen import load_qwen_model
from kikitori.model.recognizer import Recognizer
from kikitori.strings import join_texts
from kikitori.tasks import TASKS, TINY
from kikitori.text.tags import parse_turns

ROOT = Path(__file__).parent.parent
FOLDERS = (ROOT / "examples", ROOT / "tests" / "recordings")
DTYPES = ("float32", "bfloat16")
RANDOM_MODELS = 10
RANDOM_TOKENS = 24
"""Per clip; texts of random weights never end."""
NOISE = np.random.default_rng(0).normal(0, 0.1, 9 * SAMPLE_RATE).astype(np.float32)


@dataclass(frozen=True)
class Clip:
    """One clip to decode. text: the words that it should become; None for noise."""

    waveform: np.ndarray
    language: str | None
    text: str | None = None
    max_tokens: int | None = None

    @property
    def budget(self) -> int:
        """The most tokens that its text may have."""
        return self.max_tokens or token_budget(len(self.waveform) / SAMPLE_RATE)


def recorded_clips() -> list[Clip]:
    """Return the repository's recordings, with the words spoken (or their translation)."""
    clips = []
    for folder in FOLDERS:
        for name, entry in json.loads((folder / "references.json").read_text(encoding="utf-8")).items():
            language = TASKS[entry["direction"]].language
            clips.append(Clip(load_audio(folder / name), language, words(entry["reference"])))
    return clips


def noise_clips(seed: int) -> list[Clip]:
    """Return five clips of noise of unequal length and loudness, one of them below a second and one silent."""
    generator = np.random.default_rng(seed)
    lengths = [int(seconds * SAMPLE_RATE) for seconds in (0.6, *generator.uniform(1, 9, 3), 2.0)]
    gains = [*generator.uniform(0.1, 2, len(lengths) - 1), 0]
    language = ("Japanese", "English", "Portuguese", None)[seed % 4]
    waveforms = [NOISE[:length] * np.float32(gain) for length, gain in zip(lengths, gains, strict=True)]
    return [Clip(waveform, language, max_tokens=RANDOM_TOKENS) for waveform in waveforms]


def random_tiny(seed: int, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Recognizer:
    """Return the tiny shape with random weights, large enough that texts differ from clip to clip."""
    qwen = load_qwen_model(str(TINY.folder), torch.float32)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in qwen.model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
        qwen.model.thinker.model.embed_tokens.weight.normal_(0, 0.3)
    qwen.model.to(device=device, dtype=dtype)
    return Recognizer(qwen)


def qwen_ids(recognizer: Recognizer, clip: Clip) -> tuple[int, ...]:
    """Return the ids that qwen-asr writes."""
    return tuple(generate_with_qwen(recognizer.qwen, clip.waveform, clip.language, clip.budget))


def our_ids(recognizer: Recognizer, clips: Sequence[Clip], together: bool) -> list[tuple[int, ...]]:
    """Return the ids that this project's decoder writes. together: as one batch per language."""
    groups = [[clip] for clip in clips]
    if together:
        groups = [[clip for clip in clips if clip.language == language] for language in {c.language for c in clips}]
    found = {}
    for group in groups:
        waveforms = [clip.waveform for clip in group]
        results = decode(recognizer, waveforms, group[0].language, lambda text: False, max_tokens=group[0].max_tokens)
        found |= {id(clip): result.ids for clip, result in zip(group, results, strict=True)}
    return [found[id(clip)] for clip in clips]


def words(text: str) -> str:
    """Return the words of a raw text or reference, without speaker tags."""
    return join_texts(turn.text for turn in parse_turns(text)[0])


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many ids are equal before the first difference."""
    return next(
        (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def agreement_rows(dtype_name: str, device: str) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows for one dtype."""
    dtype = getattr(torch, dtype_name)
    recordings = recorded_clips()
    tiny = Recognizer(load_qwen_model(str(TINY.folder), dtype, device))
    expected = [qwen_ids(tiny, clip) for clip in recordings]
    right = sum(words(tiny.text(ids[:-1])) == clip.text for ids, clip in zip(expected, recordings, strict=True))
    for together in (False, True):
        ours = our_ids(tiny, recordings, together)
        right_ours = sum(words(tiny.text(ids[:-1])) == clip.text for ids, clip in zip(ours, recordings, strict=True))
        yield (
            dtype_name,
            "recordings, tiny checkpoint",
            _how(together),
            *_shares(ours, expected),
            f"{right_ours}, qwen-asr {right}",
        )
    models = [(random_tiny(seed, dtype, device), noise_clips(seed)) for seed in range(RANDOM_MODELS)]
    expected = [qwen_ids(model, clip) for model, clips in models for clip in clips]
    for together in (False, True):
        ours = [ids for model, clips in models for ids in our_ids(model, clips, together)]
        yield (dtype_name, f"noise, {RANDOM_MODELS} random models", _how(together), *_shares(ours, expected), "")


def _how(together: bool) -> str:
    return "in batches" if together else "alone"


def _shares(ours: list[tuple[int, ...]], expected: list[tuple[int, ...]]) -> tuple[str, str]:
    """Return the texts that are equal, and the share of tokens before a text's first difference."""
    equal = sum(one == other for one, other in zip(ours, expected, strict=True))
    tokens = sum(common_prefix(one, other) for one, other in zip(ours, expected, strict=True))
    return f"{equal} of {len(expected)}", f"{tokens / sum(map(len, expected)):.1%}"


def main(argv: list[str] | None = None) -> int:
    """Print the table. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.agreement", description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    options = parser.parse_args(argv)
    print(f"torch {torch.__version__}, {options.device}\n")
    print("| dtype | clips | decoded | texts equal to qwen-asr's | tokens before a difference | texts as spoken |")
    print("| --- | --- | --- | --- | --- | --- |")
    for dtype in DTYPES:
        for row in agreement_rows(dtype, options.device):
            print(f"| {' | '.join(row)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
