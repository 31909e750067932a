"""Measures the direction `transcribe` on held-out speech: `python -m training.tiny.measure_languages`.

The first table has clips in one language, transcribed twice: with the language detected, and with it chosen. The second
has recordings that change their language twice.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from evaluation.options import OptionParser
from kikitori.transcribe import Model, load_model, transcribe
from kikitori.transcript import Transcript
from training.synthesis import voices
from training.tiny.measure import CLIPS, HeldOutClip, held_out_clips

SPEECH = {"Japanese": "ja2en", "English": "english", "Portuguese": "pt"}
"""Language -> the task of `held_out_clips` whose speech is in it."""
RECORDINGS, PARTS, PAUSE_SECONDS = 100, 3, 0.5
"""Recordings that change their language: how many, of how many clips, with how much silence between them."""


@dataclass(frozen=True)
class Spoken:
    """A clip, what was said in it, and in which language."""

    clip: HeldOutClip
    language: str

    @property
    def text(self) -> str:
        """The words in the language in which they were spoken."""
        return self.clip.spoken_text


def spoken_clips(language: str) -> Iterator[Spoken]:
    """Yield held-out clips in a language without end, always the same ones."""
    for clip in held_out_clips(SPEECH[language]):
        yield Spoken(clip, language)


def mixed_recordings() -> Iterator[list[Spoken]]:
    """Yield recordings whose neighbouring parts are in different languages, always the same ones."""
    rng = random.Random("languages")
    clips = {language: spoken_clips(language) for language in SPEECH}
    while True:
        languages: list[str] = []
        while len(languages) < PARTS:
            languages.append(rng.choice([name for name in SPEECH if name not in languages[-1:]]))
        yield [next(clips[language]) for language in languages]


def error_rate(language: str) -> tuple[str, Callable[[list[str], list[str]], float]]:
    """Return the name of a language's error rate, and the function of references and hypotheses."""
    import jiwer

    return ("CER", jiwer.cer) if language == "Japanese" else ("WER", jiwer.wer)


def measure_language(detecting: Model, chosen: Model, language: str, count: int) -> str:
    """Return a row as Markdown: clips, share with the right language, error rate detected and chosen."""
    clips = list(islice(spoken_clips(language), count))
    detected = [transcribe(detecting, one.clip.waveform) for one in clips]
    forced = [transcribe(chosen, one.clip.waveform) for one in clips]
    right = sum(transcript.language == language for transcript in detected)
    name, rate = error_rate(language)
    rates = [rate([one.text for one in clips], [made.text for made in side]) for side in (detected, forced)]
    cells = [language, str(count), f"{right / count:.1%}", *(f"{name} {value:.2%}" for value in rates)]
    return f"| {' | '.join(cells)} |"


def measure_changes(detecting: Model, count: int) -> str:
    """Return a row as Markdown: recordings, parts, parts found with their language, parts without any error."""
    parts = found = exact = 0
    for spoken in islice(mixed_recordings(), count):
        transcript = transcribe(detecting, one_after_another(spoken))
        parts += len(spoken)
        found += languages_found(spoken, transcript)
        texts = [turn.text for turn in transcript.turns]
        exact += sum(one.text in texts for one in spoken)
    return f"| {count} | {parts} | {found / parts:.1%} | {exact / parts:.1%} |"


def languages_found(spoken: list[Spoken], transcript: Transcript) -> int:
    """Return how many parts have a turn in their language and no turn in another one, by the middle of the turn."""
    borders = np.cumsum([len(one.clip.waveform) / voices.SAMPLE_RATE + PAUSE_SECONDS for one in spoken])
    heard: list[set[str]] = [set() for _ in spoken]
    for turn in transcript.turns:
        middle = (turn.start_seconds + turn.end_seconds) / 2
        heard[min(int(np.searchsorted(borders, middle)), len(spoken) - 1)].add(turn.language)
    return sum(languages == {one.language} for one, languages in zip(spoken, heard, strict=True))


def one_after_another(spoken: list[Spoken]) -> np.ndarray:
    """The clips as one recording, (samples,) float32 16 kHz."""
    pause = np.zeros(round(PAUSE_SECONDS * voices.SAMPLE_RATE), np.float32)
    return np.concatenate([part for one in spoken for part in (one.clip.waveform, pause)])


def main(argv: list[str] | None = None) -> int:
    """Print the tables; return the exit code."""
    parser = OptionParser(prog="python -m training.tiny.measure_languages", description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="tiny", help="default: %(default)s")
    parser.add_argument("--clips", type=int, default=CLIPS, help="number of clips per language")
    parser.add_argument("--recordings", type=int, default=RECORDINGS, help="number of those that change their language")
    options = parser.parse_args(argv)
    detecting = load_model("transcribe", checkpoint=options.checkpoint)
    print("| language | clips | detected | errors, detected | errors, chosen |\n| --- | --- | --- | --- | --- |")
    for language in SPEECH:
        chosen = load_model("transcribe", checkpoint=options.checkpoint, language=language)
        print(measure_language(detecting, chosen, language, options.clips), flush=True)
    print("\n| recordings | parts | language right | text exact |\n| --- | --- | --- | --- |")
    print(measure_changes(detecting, options.recordings))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
