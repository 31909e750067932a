"""Makes training clips from spoken sentences, and batches from clips."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from training.synthesis import contexts, names, voices
from training.synthesis.pool import NAMES
from training.synthesis.voices import Speaker, SpokenSentence, Voice

MIX = {"call": 0.48, "ja2en": 0.11, "en2ja": 0.21, "pt": 0.13, "english": 0.03, "japanese": 0.03, "silence": 0.01}
"""Share of clips by task. `english` and `japanese` are transcriptions of the sentences for translation."""
SENTENCES_MIX = {task: share for task, share in MIX.items() if task not in ("call", "silence")}
"""Mix for the first training steps. In short clips the model learns sounds sooner."""
NAMES_MIX = {
    "call": 0.38,
    "ja2en": 0.09,
    "en2ja": 0.17,
    "pt": 0.10,
    "english": 0.03,
    "japanese": 0.03,
    "names_ja": 0.05,
    "names_en": 0.06,
    "names_pt": 0.05,
    "silence": 0.04,
}
"""Mix for learning sentences with names."""
SPOKEN_LANGUAGE = {
    "call": "Japanese",
    "ja2en": "Japanese",
    "japanese": "Japanese",
    "names_ja": "Japanese",
    "en2ja": "English",
    "english": "English",
    "names_en": "English",
    "pt": "Portuguese",
    "names_pt": "Portuguese",
}
OUTPUT_LANGUAGE = {
    "call": "Japanese",
    "japanese": "Japanese",
    "en2ja": "Japanese",
    "ja2en": "English",
    "english": "English",
    "pt": "Portuguese",
    "names_ja": "Japanese",
    "names_en": "English",
    "names_pt": "Portuguese",
    "silence": "None",
}
UNFORCED_SHARE = 0.25
"""Share of transcription clips without a forced language: the model writes `language X<asr_text>` itself."""
SENTENCE_COUNTS = (1,) * 13 + (2,) * 5 + (3,) * 3 + (4, 5, 6, 8)
"""Number of sentences in a clip of one speaker. Counts that are listed several times are drawn more often."""
SENTENCE_COUNTS_WITH_NAMES = (1,) * 6 + (2,)
TELEPHONE_SHARE = 0.9
"""Share of calls that are limited to a telephone's band."""
LONG_CALL_SHARE = 0.65
"""Share of calls that can fill a window of a long recording."""
NOISE_SHARE = 0.5
"""Share of clips without speech that have noise. The others are digital silence."""
TALKING_OVER_SHARE = 0.5
"""Share of the long calls in which people talk over each other."""
MAX_CALL_SECONDS = 30.0
MEAN_GAP_SECONDS = 0.5
BATCH_SECONDS = 60.0
BATCH_CLIPS = 12
BATCHES_SORTED_TOGETHER = 16
CHANGE = "|"
"""Marks a change of speaker in a spelling."""


@dataclass(frozen=True)
class SpeechSpan:
    """The place of one sentence in a clip."""

    start: float  # seconds
    end: float
    speaker: int
    semitones: float  # pitch relative to the synthesiser's default


def place_spans(
    waveforms: list[np.ndarray], gaps: list[float], speakers: list[int], semitones: list[float]
) -> tuple[SpeechSpan, ...]:
    """Return the place at which `voices.mix` puts each waveform."""
    spans, clock = [], 0.0
    for waveform, gap, speaker, pitch in zip(waveforms, gaps, speakers, semitones, strict=True):
        start = clock + gap
        clock = start + len(waveform) / voices.SAMPLE_RATE
        spans.append(SpeechSpan(start, clock, speaker, pitch))
    return tuple(spans)


@dataclass(frozen=True)
class Clip:
    """A training clip: the model's input, and the targets of the losses."""

    waveform: np.ndarray  # float32 mono 16 kHz
    forced_language: str  # "" if the model must write the language itself
    answer: str  # the text to write
    transcript: str  # in the spoken language, for the auxiliary loss of the decoder
    spelling: str  # for the auxiliary CTC loss; `CHANGE` marks the start of a turn
    spans: tuple[SpeechSpan, ...]  # who speaks when; empty for clips that do not train speakers
    context: str = ""  # the system turn: names that may be said
    listed: dict[str, str] = field(default_factory=dict)  # those names -> their usual spellings
    task: str = ""


def compose_call(
    rng: random.Random,
    speakers: tuple[Speaker, Speaker],
    turn_lengths: list[int],
    draw_sentence: Callable[[Speaker], SpokenSentence],
    telephone: bool,
    talking_over: bool = False,
) -> tuple[np.ndarray, str, str, tuple[SpeechSpan, ...]]:
    """Compose a call; return its waveform, transcript with tags, spelling and spans.

    turn_lengths: number of sentences of each turn. `draw_sentence(speaker)` returns one sentence in that speaker's
    voice. The call ends before the turn that would exceed MAX_CALL_SECONDS.
    """
    waveforms: list[np.ndarray] = []
    texts, spellings, labels = [], [], []
    seconds = 0.0
    for turn, count in enumerate(turn_lengths):
        label = turn % 2
        gain = 10 ** (rng.uniform(-4, 0) / 20)
        spoken = [draw_sentence(speakers[label]) for _ in range(count)]
        seconds += sum(len(sentence.waveform) / voices.SAMPLE_RATE + MEAN_GAP_SECONDS for sentence in spoken)
        if seconds > MAX_CALL_SECONDS:
            break
        waveforms += [sentence.waveform * gain for sentence in spoken]
        labels += [label] * count
        texts.append(f"<|spk_{label}|> " + "".join(sentence.text for sentence in spoken))
        spellings.append(CHANGE + "".join(sentence.spelling for sentence in spoken))
    gaps = voices.draw_gaps(rng, len(waveforms))
    if talking_over:
        gaps = voices.talk_over(rng, gaps)
    spans = place_spans(waveforms, gaps, labels, [speakers[label].semitones for label in labels])
    return voices.mix(waveforms, gaps, rng, telephone), " ".join(texts), "".join(spellings), spans


def compose_sentences(
    task: str, sentences: list[SpokenSentence], rng: random.Random
) -> tuple[np.ndarray, str, str, str, tuple[SpeechSpan, ...]]:
    """Compose a wide-band clip of one speaker; return waveform, answer for `task`, transcript, spelling and spans."""
    gaps = voices.draw_gaps(rng, len(sentences))
    waveforms = [sentence.waveform for sentence in sentences]
    waveform = voices.mix(waveforms, gaps, rng, False)
    japanese = SPOKEN_LANGUAGE[task] == "Japanese"
    space = "" if japanese else " "
    transcript = ("<|spk_0|> " if japanese else "") + space.join(sentence.text for sentence in sentences)
    answer = transcript
    if task in ("en2ja", "ja2en"):
        answer = (" " if japanese else "").join(sentence.translation for sentence in sentences)
    spelling = (CHANGE if japanese else "") + space.join(sentence.spelling for sentence in sentences)
    pitch = float(sentences[0].voice.half_tone)
    spans = place_spans(waveforms, gaps, [0] * len(gaps), [pitch] * len(gaps)) if japanese else ()
    return waveform, answer, transcript, spelling, spans


class ClipMaker:
    """Draws clips of all tasks from a pool of spoken sentences. Each clip is mixed anew, so that no two are equal.

    contexts: share of clips with a list of names as context, by task. long_calls: share of calls that can fill a
    window.
    """

    def __init__(
        self,
        pool: dict[str, list[SpokenSentence]],
        mix: dict[str, float],
        seed: int,
        contexts: Mapping[str, float] | None = None,
        long_calls: float = LONG_CALL_SHARE,
    ):
        self._mix = mix
        self._long_calls = long_calls
        self._contexts = contexts or {}
        self._rng = random.Random(seed)
        self._pool = pool
        self._by_voice = group_by_voice(pool)

    def draw(self) -> Clip:
        """Draw a clip. The mix determines how often each task is drawn."""
        rng = self._rng
        task = rng.choices(list(self._mix), list(self._mix.values()))[0]
        if task == "silence":
            waveform = self._no_speech()
            answer = transcript = spelling = ""
            spans: tuple[SpeechSpan, ...] = ()
        elif task == "call":
            waveform, transcript, spelling, spans = self._call()
            answer = transcript
        else:
            waveform, answer, transcript, spelling, spans = self._one_speaker(task)
        context, listed, (transcript, answer) = self._with_context(task, transcript, answer)
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
            context,
            listed,
            task,
        )

    def _with_context(self, task: str, transcript: str, answer: str) -> tuple[str, dict[str, str], list[str]]:
        """Return a context or "", its names -> usual spellings, and the texts as they are written with it."""
        if self._rng.random() >= self._contexts.get(task, 0):
            return "", {}, [transcript, answer]
        language = SPOKEN_LANGUAGE.get(task) or self._rng.choice(list(names.GROUPS))
        return contexts.draw_context(self._rng, language, transcript, answer)

    def _no_speech(self) -> np.ndarray:
        rng = self._rng
        quiet = voices.mix([np.zeros(16000, np.float32)], [1.0], rng, False)
        if rng.random() >= NOISE_SHARE:
            return quiet
        noise = voices.draw_noise(len(quiet), rng)
        return noise * np.float32(10 ** (rng.uniform(-24, 0) / 20) / np.abs(noise).max())

    def _call(self) -> tuple[np.ndarray, str, str, tuple[SpeechSpan, ...]]:
        rng = self._rng
        speakers = voices.draw_speakers(rng, voices.TRAINING_HALF_TONES)

        def draw_sentence(speaker: Speaker) -> SpokenSentence:
            voice = Voice("openjtalk", half_tone=speaker.half_tone)
            return _scaled(rng.choice(self._by_voice["call"][voice.speaker])).warped(speaker.factor)

        telephone = rng.random() < TELEPHONE_SHARE
        if rng.random() >= self._long_calls:
            return compose_call(rng, speakers, voices.draw_turn_lengths(rng), draw_sentence, telephone)
        turns = voices.draw_long_turn_lengths(rng)
        talking_over = rng.random() < TALKING_OVER_SHARE
        return compose_call(rng, speakers, turns, draw_sentence, telephone, talking_over)

    def _one_speaker(self, task: str) -> tuple[np.ndarray, str, str, str, tuple[SpeechSpan, ...]]:
        rng = self._rng
        kind = {"english": "en2ja", "japanese": "ja2en"}.get(task, task)
        voice = rng.choice(self._pool[kind]).voice
        counts = SENTENCE_COUNTS_WITH_NAMES if kind in NAMES else SENTENCE_COUNTS
        sentences = rng.choices(self._by_voice[kind][voice.speaker], k=rng.choice(counts))
        factor = voices.draw_factor(rng, voice)
        *made, spans = compose_sentences(task, [_scaled(sentence).warped(factor) for sentence in sentences], rng)
        rise = 12 * float(np.log2(factor))
        return *made, tuple(replace(span, semitones=span.semitones + rise) for span in spans)

    def batches(self, enlarged: int = 1) -> Iterator[list[Clip]]:
        """Yield batches of clips of similar length without end. enlarged: as for `cut_into_batches`."""
        return draw_batches(self.draw, self._rng, enlarged)


def group_by_voice(pool: dict[str, list]) -> dict[str, dict[tuple, list]]:
    """Return kind -> speaker -> spoken sentences."""
    grouped: dict[str, dict[tuple, list]] = {}
    for kind, sentences in pool.items():
        by_speaker = grouped[kind] = {}
        for sentence in sentences:
            by_speaker.setdefault(sentence.voice.speaker, []).append(sentence)
    return grouped


def draw_batches(draw: Callable, rng: random.Random, enlarged: int = 1) -> Iterator[list]:
    """Yield batches of clips of similar length without end, in random order.

    draw: returns a clip. enlarged: as for `cut_into_batches`.
    """
    while True:
        batches = cut_into_batches([draw() for _ in range(BATCH_CLIPS * BATCHES_SORTED_TOGETHER)], enlarged)
        rng.shuffle(batches)
        yield from batches


def cut_into_batches(clips: list, enlarged: int = 1) -> list[list]:
    """Sort clips by length and cut them into batches of at most BATCH_CLIPS, and at most BATCH_SECONDS when padded.

    enlarged: multiplies both limits.
    """
    batches: list[list] = []
    for clip in sorted(clips, key=lambda clip: len(clip.waveform)):
        padded_seconds = len(clip.waveform) / voices.SAMPLE_RATE * (len(batches[-1]) + 1 if batches else 1)
        too_long = padded_seconds > BATCH_SECONDS * enlarged
        if not batches or len(batches[-1]) == BATCH_CLIPS * enlarged or too_long:
            batches.append([])
        batches[-1].append(clip)
    return batches


def _scaled(sentence: SpokenSentence) -> SpokenSentence:
    return SpokenSentence(
        sentence.text,
        sentence.translation,
        sentence.spelling,
        sentence.voice,
        sentence.waveform.astype(np.float32) / 32767,
    )
