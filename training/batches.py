"""Utterances -> clips -> batches: what one step of training hears and should write."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training import speech
from training.speech import Speaker, Utterance, Voice

MIX = {"call": 0.28, "ja2en": 0.22, "en2ja": 0.2, "pt": 0.18, "english": 0.05, "japanese": 0.06, "silence": 0.01}
"""Share of clips of each task. `english` and `japanese` are the translation sentences transcribed."""
CORE_MIX = MIX | {"call": 0.6}
SCRIPTED_SHARE = 0.35
"""Of the calls, where there are scripts: the sentences of one script in its order, in any voices."""
SENTENCES_MIX = {task: share for task, share in MIX.items() if task not in ("call", "silence")}
"""For the first steps: short clips, in which sounds are found sooner."""
OUTPUT_LANGUAGE = {
    "call": "Japanese",
    "japanese": "Japanese",
    "en2ja": "Japanese",
    "ja2en": "English",
    "english": "English",
    "pt": "Portuguese",
    "silence": "None",
}
UNFORCED_SHARE = 0.25
"""Of the transcription clips: the model writes `language X<asr_text>` itself, as Qwen3-ASR does without `language`."""
SENTENCES = (1,) * 17 + (2,) * 4 + (3,) * 2 + (4, 6)
"""How many sentences a clip of one speaker has, as often as they stand here."""
TELEPHONE_SHARE = 0.9
MAX_CALL_SECONDS = 30.0
BATCH_SECONDS = 60.0
BATCH_CLIPS = 12
BATCHES_SORTED_TOGETHER = 16


@dataclass(frozen=True)
class Clip:
    """What the model hears, is asked and should answer."""

    waveform: np.ndarray  # float32 mono 16 kHz
    forced_language: str  # "" where the model must name the language itself
    answer: str
    transcript: str  # what was said in its own language, for the auxiliary loss of the decoder
    spelling: str  # for the auxiliary CTC loss; digits 0 and 1 mark where each speaker begins


def compose_call(
    rng: random.Random,
    speakers: tuple[Speaker, Speaker],
    turn_lengths: list[int],
    draw_utterance: Callable[[Speaker], Utterance],
    telephone: bool,
) -> tuple[np.ndarray, str, str]:
    """A call whose turns have so many sentences each: waveform, transcript with tags, spelling.

    `draw_utterance(speaker)` gives one sentence in that speaker's voice. A call that would pass
    `MAX_CALL_SECONDS` ends at the turn before.
    """
    waveforms: list[np.ndarray] = []
    texts, spellings = [], []
    seconds = 0.0
    for turn, sentences in enumerate(turn_lengths):
        label = turn % 2
        gain = 10 ** (rng.uniform(-4, 0) / 20)
        spoken = [draw_utterance(speakers[label]) for _ in range(sentences)]
        seconds += sum(len(utterance.waveform) / speech.SAMPLE_RATE + 0.8 for utterance in spoken)
        if seconds > MAX_CALL_SECONDS:
            break
        waveforms += [utterance.waveform * gain for utterance in spoken]
        texts.append(f"<|spk_{label}|> " + "".join(utterance.text for utterance in spoken))
        spellings.append(str(label) + "".join(utterance.spelling for utterance in spoken))
    waveform = speech.mix(waveforms, speech.draw_gaps(rng, len(waveforms)), rng, telephone)
    return waveform, " ".join(texts), "".join(spellings)


def compose_sentences(task: str, utterances: list[Utterance], rng: random.Random) -> tuple[np.ndarray, str, str, str]:
    """What one speaker says, wide band: waveform, the answer that `task` wants, transcript, spelling."""
    gaps = speech.draw_gaps(rng, len(utterances))
    waveform = speech.mix([utterance.waveform for utterance in utterances], gaps, rng, False)
    japanese = task in ("ja2en", "japanese")
    space = "" if japanese else " "
    transcript = ("<|spk_0|> " if japanese else "") + space.join(u.text for u in utterances)
    answer = transcript
    if task in ("en2ja", "ja2en"):
        answer = (" " if japanese else "").join(u.translation for u in utterances)
    spelling = ("0" if japanese else "") + space.join(u.spelling for u in utterances)
    return waveform, answer, transcript, spelling


class ClipMaker:
    """Draws clips of every task from a pool of utterances; each is mixed anew, so none comes twice."""

    def __init__(
        self,
        pool: dict[str, list[Utterance]],
        mix: dict[str, float],
        seed: int,
        scripts: Sequence[list[list[str]]] = (),
    ):
        self._mix = mix
        self._scripts = scripts
        self._rng = random.Random(seed)
        self._pool = pool
        self._by_voice: dict[str, dict[tuple, list[Utterance]]] = {}
        for kind, utterances in pool.items():
            voices = self._by_voice[kind] = {}
            for utterance in utterances:
                voices.setdefault(utterance.voice.speaker, []).append(utterance)

    def draw(self) -> Clip:
        """One clip of a task drawn by the mix."""
        rng = self._rng
        task = rng.choices(list(self._mix), list(self._mix.values()))[0]
        if task == "silence":
            waveform = speech.mix([np.zeros(16000, np.float32)], [1.0], rng, False)
            answer = transcript = spelling = ""
        elif task == "call":
            waveform, transcript, spelling = self._call()
            answer = transcript
        else:
            waveform, answer, transcript, spelling = self._one_speaker(task)
        may_choose = task not in ("en2ja", "ja2en")
        forced = not may_choose or rng.random() >= UNFORCED_SHARE
        language = OUTPUT_LANGUAGE[task]
        if task == "silence" and forced:
            language = rng.choice(("Japanese", "English", "Portuguese"))
        return Clip(
            waveform,
            language if forced else "",
            answer if forced else f"language {language}<asr_text>{answer}",
            transcript,
            spelling,
        )

    def _call(self) -> tuple[np.ndarray, str, str]:
        rng = self._rng
        speakers = speech.draw_speakers(rng, speech.TRAINING_HALF_TONES)
        turn_lengths, texts = speech.draw_turn_lengths(rng), iter(())
        if self._scripts and rng.random() < SCRIPTED_SHARE:
            script = rng.choice(self._scripts)
            turn_lengths = [len(turn) for turn in script]
            texts = iter([text for turn in script for text in turn])

        def draw_utterance(speaker: Speaker) -> Utterance:
            voice = Voice("openjtalk", half_tone=speaker.half_tone)
            utterances = self._by_voice["call"][voice.speaker]
            text = next(texts, None)
            utterance = rng.choice([u for u in utterances if text in (None, u.text)])
            return _scaled(utterance).warped(speaker.factor)

        return compose_call(rng, speakers, turn_lengths, draw_utterance, rng.random() < TELEPHONE_SHARE)

    def _one_speaker(self, task: str) -> tuple[np.ndarray, str, str, str]:
        rng = self._rng
        kind = {"english": "en2ja", "japanese": "ja2en"}.get(task, task)
        voice = rng.choice(self._pool[kind]).voice
        utterances = rng.choices(self._by_voice[kind][voice.speaker], k=rng.choice(SENTENCES))
        factor = speech.draw_factor(rng, voice)
        return compose_sentences(task, [_scaled(u).warped(factor) for u in utterances], rng)

    def batches(self) -> Iterator[list[Clip]]:
        """Endless batches of clips of like length."""
        while True:
            clips = [self.draw() for _ in range(BATCH_CLIPS * BATCHES_SORTED_TOGETHER)]
            batches = cut_into_batches(clips)
            self._rng.shuffle(batches)
            yield from batches


def cut_into_batches(clips: list[Clip]) -> list[list[Clip]]:
    """Sort by length and cut so that no batch passes `BATCH_CLIPS` or, padded, `BATCH_SECONDS`."""
    batches: list[list[Clip]] = []
    for clip in sorted(clips, key=lambda clip: len(clip.waveform)):
        padded_seconds = len(clip.waveform) / speech.SAMPLE_RATE * (len(batches[-1]) + 1 if batches else 1)
        if not batches or len(batches[-1]) == BATCH_CLIPS or padded_seconds > BATCH_SECONDS:
            batches.append([])
        batches[-1].append(clip)
    return batches


def _scaled(utterance: Utterance) -> Utterance:
    return Utterance(
        utterance.text,
        utterance.translation,
        utterance.spelling,
        utterance.voice,
        utterance.waveform.astype(np.float32) / 32767,
    )
