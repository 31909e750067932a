"""Utterances -> clips -> batches: what one step of training hears and should write."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from training.synthesis import voices
from training.synthesis.voices import Speaker, Utterance, Voice

MIX = {"call": 0.48, "ja2en": 0.11, "en2ja": 0.21, "pt": 0.13, "english": 0.03, "japanese": 0.03, "silence": 0.01}
"""Share of clips of each task. `english` and `japanese` are the translation sentences transcribed."""
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
SENTENCES = (1,) * 13 + (2,) * 5 + (3,) * 3 + (4, 5, 6, 8)
"""How many sentences a clip of one speaker has, as often as they stand here."""
TELEPHONE_SHARE = 0.9
LONG_CALL_SHARE = 0.65
"""Of the calls: up to as long as a window of a long recording."""
CALLS_TALKING_OVER = 0.5
"""Of the long ones."""
MAX_CALL_SECONDS = 30.0
MEAN_GAP_SECONDS = 0.5
BATCH_SECONDS = 60.0
BATCH_CLIPS = 12
BATCHES_SORTED_TOGETHER = 16


CHANGE = "|"


@dataclass(frozen=True)
class Span:
    """One utterance's place in a clip."""

    start: float  # seconds
    end: float
    speaker: int
    semitones: float  # pitch above the synthesiser's own


def place_spans(
    waveforms: list[np.ndarray], gaps: list[float], speakers: list[int], semitones: list[float]
) -> tuple[Span, ...]:
    """Where `voices.mix` puts each waveform."""
    spans, clock = [], 0.0
    for waveform, gap, speaker, pitch in zip(waveforms, gaps, speakers, semitones, strict=True):
        start = clock + gap
        clock = start + len(waveform) / voices.SAMPLE_RATE
        spans.append(Span(start, clock, speaker, pitch))
    return tuple(spans)


@dataclass(frozen=True)
class Clip:
    """What the model hears, is asked and should answer."""

    waveform: np.ndarray  # float32 mono 16 kHz
    forced_language: str  # "" where the model must name the language itself
    answer: str
    transcript: str  # what was said in its own language, for the auxiliary loss of the decoder
    spelling: str  # for the auxiliary CTC loss; `CHANGE` marks where a speaker begins
    spans: tuple[Span, ...]  # who speaks when, where voices were made to be told apart


def compose_call(
    rng: random.Random,
    speakers: tuple[Speaker, Speaker],
    turn_lengths: list[int],
    draw_utterance: Callable[[Speaker], Utterance],
    telephone: bool,
    talking_over: bool = False,
) -> tuple[np.ndarray, str, str, tuple[Span, ...]]:
    """A call whose turns have so many sentences each: waveform, transcript with tags, spelling, spans.

    `draw_utterance(speaker)` gives one sentence in that speaker's voice. A call that would pass
    `MAX_CALL_SECONDS` ends at the turn before.
    """
    waveforms: list[np.ndarray] = []
    texts, spellings, labels = [], [], []
    seconds = 0.0
    for turn, sentences in enumerate(turn_lengths):
        label = turn % 2
        gain = 10 ** (rng.uniform(-4, 0) / 20)
        spoken = [draw_utterance(speakers[label]) for _ in range(sentences)]
        seconds += sum(len(utterance.waveform) / voices.SAMPLE_RATE + MEAN_GAP_SECONDS for utterance in spoken)
        if seconds > MAX_CALL_SECONDS:
            break
        waveforms += [utterance.waveform * gain for utterance in spoken]
        labels += [label] * sentences
        texts.append(f"<|spk_{label}|> " + "".join(utterance.text for utterance in spoken))
        spellings.append(CHANGE + "".join(utterance.spelling for utterance in spoken))
    gaps = voices.draw_gaps(rng, len(waveforms))
    if talking_over:
        gaps = voices.talk_over(rng, gaps)
    spans = place_spans(waveforms, gaps, labels, [speakers[label].semitones for label in labels])
    return voices.mix(waveforms, gaps, rng, telephone), " ".join(texts), "".join(spellings), spans


def compose_sentences(
    task: str, utterances: list[Utterance], rng: random.Random
) -> tuple[np.ndarray, str, str, str, tuple[Span, ...]]:
    """What one speaker says, wide band: waveform, the answer that `task` wants, transcript, spelling, spans."""
    gaps = voices.draw_gaps(rng, len(utterances))
    waveforms = [utterance.waveform for utterance in utterances]
    waveform = voices.mix(waveforms, gaps, rng, False)
    japanese = task in ("ja2en", "japanese")
    space = "" if japanese else " "
    transcript = ("<|spk_0|> " if japanese else "") + space.join(u.text for u in utterances)
    answer = transcript
    if task in ("en2ja", "ja2en"):
        answer = (" " if japanese else "").join(u.translation for u in utterances)
    spelling = (CHANGE if japanese else "") + space.join(u.spelling for u in utterances)
    pitch = float(utterances[0].voice.half_tone)
    spans = place_spans(waveforms, gaps, [0] * len(gaps), [pitch] * len(gaps)) if japanese else ()
    return waveform, answer, transcript, spelling, spans


class ClipMaker:
    """Draws clips of every task from a pool of utterances; each is mixed anew, so none comes twice."""

    def __init__(self, pool: dict[str, list[Utterance]], mix: dict[str, float], seed: int):
        self._mix = mix
        self._rng = random.Random(seed)
        self._pool = pool
        self._by_voice = group_by_voice(pool)

    def draw(self) -> Clip:
        """One clip of a task drawn by the mix."""
        rng = self._rng
        task = rng.choices(list(self._mix), list(self._mix.values()))[0]
        if task == "silence":
            waveform = voices.mix([np.zeros(16000, np.float32)], [1.0], rng, False)
            answer = transcript = spelling = ""
            spans: tuple[Span, ...] = ()
        elif task == "call":
            waveform, transcript, spelling, spans = self._call()
            answer = transcript
        else:
            waveform, answer, transcript, spelling, spans = self._one_speaker(task)
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
            spans,
        )

    def _call(self) -> tuple[np.ndarray, str, str, tuple[Span, ...]]:
        rng = self._rng
        speakers = voices.draw_speakers(rng, voices.TRAINING_HALF_TONES)

        def draw_utterance(speaker: Speaker) -> Utterance:
            voice = Voice("openjtalk", half_tone=speaker.half_tone)
            return _scaled(rng.choice(self._by_voice["call"][voice.speaker])).warped(speaker.factor)

        telephone = rng.random() < TELEPHONE_SHARE
        if rng.random() >= LONG_CALL_SHARE:
            return compose_call(rng, speakers, voices.draw_turn_lengths(rng), draw_utterance, telephone)
        turns = voices.draw_long_turn_lengths(rng)
        talking_over = rng.random() < CALLS_TALKING_OVER
        return compose_call(rng, speakers, turns, draw_utterance, telephone, talking_over)

    def _one_speaker(self, task: str) -> tuple[np.ndarray, str, str, str, tuple[Span, ...]]:
        rng = self._rng
        kind = {"english": "en2ja", "japanese": "ja2en"}.get(task, task)
        voice = rng.choice(self._pool[kind]).voice
        utterances = rng.choices(self._by_voice[kind][voice.speaker], k=rng.choice(SENTENCES))
        factor = voices.draw_factor(rng, voice)
        *made, spans = compose_sentences(task, [_scaled(u).warped(factor) for u in utterances], rng)
        rise = 12 * float(np.log2(factor))
        return *made, tuple(replace(span, semitones=span.semitones + rise) for span in spans)

    def batches(self) -> Iterator[list[Clip]]:
        """Endless batches of clips of like length."""
        return draw_batches(self.draw, self._rng)


def group_by_voice(pool: dict[str, list]) -> dict[str, dict[tuple, list]]:
    """The utterances of each kind that one voice speaks."""
    grouped: dict[str, dict[tuple, list]] = {}
    for kind, utterances in pool.items():
        voices = grouped[kind] = {}
        for utterance in utterances:
            voices.setdefault(utterance.voice.speaker, []).append(utterance)
    return grouped


def draw_batches(draw: Callable, rng: random.Random) -> Iterator[list]:
    """Endless batches of clips of like length, in an order by chance. draw() gives a clip with a `waveform`."""
    while True:
        batches = cut_into_batches([draw() for _ in range(BATCH_CLIPS * BATCHES_SORTED_TOGETHER)])
        rng.shuffle(batches)
        yield from batches


def cut_into_batches(clips: list) -> list[list]:
    """Sort by length and cut so that no batch passes `BATCH_CLIPS` or, padded, `BATCH_SECONDS`."""
    batches: list[list] = []
    for clip in sorted(clips, key=lambda clip: len(clip.waveform)):
        padded_seconds = len(clip.waveform) / voices.SAMPLE_RATE * (len(batches[-1]) + 1 if batches else 1)
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
