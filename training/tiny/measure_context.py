"""Measures lists of names as context: `python -m training.tiny.measure_context` prints the tables of the model card.

Each person spells the name in another way than the model does by itself. The right list has that spelling, the usual
list has the model's own, the wrong list has names that are not said. Sentences and voices are held out from training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from evaluation.options import OptionParser
from kikitori.model.generate import decode
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.strings import join_texts
from kikitori.text.tags import parse_turns
from training.synthesis import names, voices
from training.synthesis.pool import NAMES
from training.tiny.measure import CLIPS, held_out_clips
from training.tiny.measure_languages import error_rate

ROOT = Path(__file__).parents[2]
LISTS = ("right", "usual", "none", "wrong")
QUIET_SECONDS = (1.0, 6.0)


@dataclass(frozen=True)
class NamedClip:
    """A held-out clip with names.

    text: the words that are said, in usual spellings. spellings: usual spelling -> how the person spells it.
    """

    waveform: np.ndarray  # float32 mono 16 kHz
    language: str
    text: str
    spellings: dict[str, str]

    def context(self, rng: random.Random, kind: str) -> str:
        """Draw a list of one of LISTS."""
        if kind == "none":
            return ""
        listed = {"right": self.spellings.values(), "usual": self.spellings, "wrong": ()}[kind]
        drawn = names.draw_list(rng, self.language, self.spellings, listed)
        return names.join_list(rng, self.language, drawn)


@dataclass(frozen=True)
class Counts:
    """What is wrong in one text."""

    said: int
    wrong: int  # names that are not spelled as the person does
    unknown: int  # names in no spelling at all
    unsaid: int  # names that are written but not said
    written: str  # the text in usual spellings


def named_clips(kind: str, only_listed: bool) -> Iterator[NamedClip]:
    """Yield held-out clips without end, always the same ones.

    kind: of `pool.NAMES`. only_listed: the spellings are those that training never has in a text.
    """
    language = NAMES[kind]
    rng = random.Random(f"names {kind} {only_listed}")
    for clip in held_out_clips(kind):
        said = names.find_names(clip.spoken_text, names.usual_names(language))
        choices = [names.other_spellings(language, name, only_listed) for name in said]
        if all(choices):
            spellings = {name: rng.choice(others) for name, others in zip(said, choices, strict=True)}
            yield NamedClip(clip.waveform, language, clip.spoken_text, spellings)


def transcribe(model: Recognizer, clip: NamedClip, context: str) -> str:
    """Return the words that the model writes."""
    (result,) = decode(model, [clip.waveform], clip.language, context=context)
    return join_texts(turn.text for turn in parse_turns(result.text)[0])


def count(clip: NamedClip, text: str) -> Counts:
    """Compare a text with what was said."""
    written = names.find_names(text, names.every_name(clip.language))
    known = {names.usual(clip.language, name) for name in written}
    return Counts(
        said=len(clip.spellings),
        wrong=sum(name not in written for name in clip.spellings.values()),
        unknown=len(clip.spellings.keys() - known),
        unsaid=len(known - clip.spellings.keys()),
        written=names.to_usual(clip.language, text),
    )


def measure_list(model: Recognizer, clips: list[NamedClip], kind: str) -> str:
    """Return cells as Markdown: the list, clips, names wrong, in no spelling, errors, clips with an unsaid name."""
    rng = random.Random(f"list {kind}")
    counts = [count(clip, transcribe(model, clip, clip.context(rng, kind))) for clip in clips]
    said = sum(one.said for one in counts)
    name, rate = error_rate(clips[0].language)
    errors = rate([clip.text for clip in clips], [one.written for one in counts])
    cells = [
        kind,
        str(len(clips)),
        f"{sum(one.wrong for one in counts) / said:.1%}",
        f"{sum(one.unknown for one in counts) / said:.1%}",
        f"{name} {errors:.2%}",
        f"{sum(one.unsaid > 0 for one in counts) / len(counts):.1%}",
    ]
    return " | ".join(cells)


def quiet_clips(loud: bool) -> Iterator[NamedClip]:
    """Yield clips without speech and without end, of digital silence or of noise, in all languages."""
    rng = random.Random(f"quiet {loud}")
    while True:
        samples = round(rng.uniform(*QUIET_SECONDS) * voices.SAMPLE_RATE)
        level = 10 ** (rng.uniform(-50, -10) / 20) if loud else 0
        waveform = (voices.draw_noise(samples, rng) * level).clip(-1, 1).astype(np.float32)
        yield NamedClip(waveform, rng.choice(list(names.GROUPS)), "", {})


def measure_quiet(model: Recognizer, clips: list[NamedClip], kind: str) -> str:
    """Return cells as Markdown: the list, clips, share of clips with a text, share with a name of the list."""
    rng = random.Random(f"quiet list {kind}")
    texts = echoes = 0
    for clip in clips:
        context = clip.context(rng, kind)
        text = transcribe(model, clip, context)
        texts += bool(text)
        listed = names.find_names(context, names.every_name(clip.language))
        echoes += bool(names.find_names(text, listed))
    return f"{kind} | {len(clips)} | {texts / len(clips):.1%} | {echoes / len(clips):.1%}"


def main(argv: list[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.measure_context", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default=str(ROOT / "assets" / "tiny"))
    parser.add_argument("--clips", type=int, default=CLIPS, help="number of clips per row")
    options = parser.parse_args(argv)
    model = load_recognizer(options.checkpoint, torch.float32)
    print("| speech | spelling | list | clips | names wrong | in no spelling | other errors | unsaid names |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind, language in NAMES.items():
        for only_listed, label in ((False, "trained"), (True, "only in lists")):
            clips = list(islice(named_clips(kind, only_listed), options.clips))
            for chosen in LISTS if not only_listed else LISTS[:1]:
                print(f"| {language} | {label} | {measure_list(model, clips, chosen)} |", flush=True)
    print("\n| sound | list | clips | any text | a name of the list |\n| --- | --- | --- | --- | --- |")
    for loud, label in ((False, "silence"), (True, "noise")):
        clips = list(islice(quiet_clips(loud), options.clips))
        for chosen in ("none", "wrong"):
            print(f"| {label} | {measure_quiet(model, clips, chosen)} |", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
