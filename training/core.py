"""A closed set of sentences, each in every training voice: what a short training can learn to the letter.

Words of the examples (training.recordings) come first, the rest is drawn.
"""

import random
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from training import pool, speech
from training.examples import CALLS, SENTENCES
from training.sentences import Sentence
from training.speech import Utterance, Voice

SCRIPTS = [[said for _, said in turns] for turns in CALLS.values()]
SENTENCE_COUNT = {"call": 36, "ja2en": 40, "en2ja": 40, "pt": 39}


def core_sentences(kind: str) -> list[Sentence]:
    """The closed set of `call`, `ja2en`, `en2ja` or `pt`."""
    if kind == "call":
        texts = [text for turns in CALLS.values() for _, said in turns for text in said]
        scripted = [Sentence(text) for text in dict.fromkeys(texts)]
    else:
        scripted = [Sentence(*pair) for task, _, pairs in SENTENCES.values() if task == kind for pair in pairs]
    maker = pool.MAKERS[kind](7)
    drawn = (maker.draw() for _ in range(1000))
    known = {sentence.text: sentence for sentence in scripted}
    for sentence in drawn:
        if len(known) == SENTENCE_COUNT[kind]:
            break
        known.setdefault(sentence.text, sentence)
    return list(known.values())


class CoreMaker:
    """Draws from the closed set, in the place of a `SentenceMaker`."""

    def __init__(self, kind: str, seed: int):
        self._sentences = core_sentences(kind)
        self._random = random.Random(seed)

    def draw(self, held_out: bool = False) -> Sentence:
        """One sentence; a closed set holds none out."""
        return self._random.choice(self._sentences)


def training_voices(kind: str) -> Iterable[Voice]:
    """Every speaker that training uses, once."""
    rng = random.Random(kind)
    if kind in ("call", "ja2en"):
        return [Voice("openjtalk", half_tone=h, speed=rng.choice((0.9, 1.0, 1.1))) for h in speech.TRAINING_HALF_TONES]
    engines = set(speech.ENGLISH_ENGINES if kind == "en2ja" else speech.PORTUGUESE_ENGINES)
    return [
        Voice(engine, variant, pitch=rng.randint(30, 70), speed=rng.uniform(0.85, 1.1))
        for engine in sorted(engines)
        for variant in speech.TRAINING_VARIANTS
    ]


def speak_sentence(kind: str, sentence: Sentence) -> list[Utterance]:
    """One sentence in every voice; samples are int16, as the pool keeps them."""
    return [pool.as_kept(pool.utter(kind, sentence, voice)) for voice in training_voices(kind)]


def core_pool(folder: Path) -> dict[str, list[Utterance]]:
    """The closed set in every training voice, spoken once and kept in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    with ProcessPoolExecutor(2) as executor:
        for kind in SENTENCE_COUNT:
            path = folder / f"core-{kind}.npz"
            if not path.exists():
                said = core_sentences(kind)
                spoken = executor.map(speak_sentence, [kind] * len(said), said)
                pool.save_utterances([utterance for voices in spoken for utterance in voices], path)
            made[kind] = pool.load_utterances(path)
    return made
