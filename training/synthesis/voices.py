"""Synthesises sentences in many voices, and mixes them into clips as recorded by a microphone or a telephone.

Open JTalk speaks Japanese (`pyopenjtalk-plus`; dictionary and voice are in its wheel). `espeak-ng` (a Debian package)
speaks English and Portuguese. Open JTalk is slow, so more speakers are made by resampling its output (`warp`), which
changes vocal tract and pitch.
"""

from __future__ import annotations

import functools
import random
import subprocess
from dataclasses import dataclass, replace

import numpy as np
import scipy.fft
import soxr

SAMPLE_RATE = 16000
TELEPHONE_BAND_HZ = (300.0, 3400.0)
WARP_RANGE = (0.86, 1.16)
"""Factors for pitch and formants. Outside this range a voice does not sound human."""
MIN_SPEAKER_DISTANCE_SEMITONES = 5.0
"""Smallest difference in pitch between the two speakers of a call."""
TALK_OVER_SHARE = 0.2
"""Share of overlapping sentences in a call in which people talk over each other."""
LONG_ENDING_SHARE = 0.25
"""Share of clips with 0.5 to 2 s of quiet at the end, for which the model must write nothing."""


@dataclass(frozen=True)
class Voice:
    """The settings of a synthesiser for one voice."""

    engine: str  # "openjtalk" or an espeak-ng language
    variant: str = ""  # espeak-ng voice variant
    half_tone: int = 0  # Open JTalk: pitch shift in semitones
    pitch: int = 50  # espeak-ng: 0 to 99
    speed: float = 1.0  # relative to the engine's default

    @property
    def speaker(self) -> tuple[str, str, int]:
        """The settings that identify a person. Speed and espeak-ng's pitch may vary between sentences."""
        return self.engine, self.variant, self.half_tone


TRAINING_SPEEDS = (0.9, 1.0, 1.1, 1.2)
HELD_OUT_SPEEDS = (0.95, 1.05, 1.15)
TRAINING_HALF_TONES = (-8, -6, -4, -2, 0, 2, 4)
HELD_OUT_HALF_TONES = (-7, -5, -3, -1, 1, 3)
TRAINING_VARIANTS = "m1 m2 m3 m4 m5 m7 f1 f2 f3 f5".split()
HELD_OUT_VARIANTS = "m6 m8 f4".split()
DROPPED_SYMBOLS = str.maketrans("", "", "\u02c8\u02cc\u02d0\u0303\u0329\u032f\u200d()")
"""IPA symbols that `phonemes` removes: stress, length, and diacritics over or under a letter."""
ENGLISH_ENGINE, PORTUGUESE_ENGINE = "en-us", "pt-br"


def draw_japanese_voice(rng: random.Random, held_out: bool) -> Voice:
    """Draw settings for Open JTalk. Held-out pitches and speeds lie between those of training."""
    half_tones, speeds = (HELD_OUT_HALF_TONES, HELD_OUT_SPEEDS) if held_out else (TRAINING_HALF_TONES, TRAINING_SPEEDS)
    return Voice("openjtalk", half_tone=rng.choice(half_tones), speed=rng.choice(speeds))


def draw_espeak_voice(rng: random.Random, engine: str, held_out: bool) -> Voice:
    """Draw settings for espeak-ng. Held-out variants are not used in training."""
    variants = HELD_OUT_VARIANTS if held_out else TRAINING_VARIANTS
    return Voice(engine, rng.choice(variants), pitch=rng.randint(30, 70), speed=rng.uniform(0.85, 1.1))


def speak(text: str, voice: Voice) -> np.ndarray:
    """Synthesise a sentence: float32 mono 16 kHz, peak 0.5, silence at both ends removed."""
    waveform = _openjtalk(text, voice) if voice.engine == "openjtalk" else _espeak(text, voice)
    return trim(waveform / max(1e-9, float(np.abs(waveform).max())) * 0.5).astype(np.float32)


def _openjtalk(text: str, voice: Voice) -> np.ndarray:
    import pyopenjtalk

    waveform, rate = pyopenjtalk.tts(text, speed=voice.speed, half_tone=float(voice.half_tone))
    return soxr.resample(waveform.astype(np.float32), rate, SAMPLE_RATE)


def _espeak(text: str, voice: Voice) -> np.ndarray:
    options = {"-v": f"{voice.engine}+{voice.variant}", "-s": str(round(175 * voice.speed)), "-p": str(voice.pitch)}
    arguments = [word for option in options.items() for word in option]
    done = subprocess.run(["espeak-ng", *arguments, "--stdout", text], capture_output=True, check=True)
    header_bytes, rate = 44, 22050
    samples = np.frombuffer(done.stdout[header_bytes:], dtype=np.int16).astype(np.float32) / 32768
    return soxr.resample(samples, rate, SAMPLE_RATE)


def phonemes(text: str, engine: str) -> str:
    """Return espeak-ng's phonemes of a text, without stress and length, words separated by one space."""
    done = subprocess.run(["espeak-ng", "-q", "--ipa", "-v", engine, text], capture_output=True, check=True)
    return " ".join(done.stdout.decode().translate(DROPPED_SYMBOLS).split())


def trim(waveform: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """Remove what is quieter than `threshold` from both ends, except for 20 ms."""
    start, end = loud_span(waveform, threshold)
    return waveform[start:end]


def loud_span(waveform: np.ndarray, threshold: float = 0.01) -> tuple[int, int]:
    """Return first and end sample of the part that `trim` keeps."""
    loud = np.flatnonzero(np.abs(waveform) > threshold)
    margin = SAMPLE_RATE // 50
    return max(0, int(loud[0]) - margin), min(len(waveform), int(loud[-1]) + margin)


def draw_factor(rng: random.Random, voice: Voice) -> float:
    """Draw a factor for `warp`. The range is narrow for espeak-ng, whose variants already differ."""
    return rng.uniform(*(WARP_RANGE if voice.engine == "openjtalk" else (0.93, 1.07)))


def warp(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Raise pitch and formants by `factor`, like a shorter vocal tract. The duration is divided by `factor`."""
    return soxr.resample(waveform, SAMPLE_RATE * factor, SAMPLE_RATE, quality="LQ")


@dataclass(frozen=True)
class SpokenSentence:
    """A sentence spoken by one voice."""

    text: str
    translation: str
    spelling: str  # pronunciation: kana or phonemes
    voice: Voice
    waveform: np.ndarray  # mono 16 kHz; float32, or int16 if read from a shard

    def warped(self, factor: float) -> SpokenSentence:
        """Return the sentence spoken with another vocal tract (see `warp`)."""
        return replace(self, waveform=warp(self.waveform, factor))


@dataclass(frozen=True)
class Speaker:
    """A speaker of a call: the synthesiser's pitch setting, and the factor of the vocal tract."""

    half_tone: int
    factor: float

    @property
    def semitones(self) -> float:
        """Pitch relative to the engine's default."""
        return self.half_tone + 12 * float(np.log2(self.factor))


def draw_speakers(rng: random.Random, half_tones: tuple[int, ...]) -> tuple[Speaker, Speaker]:
    """Draw two speakers whose pitches differ by at least MIN_SPEAKER_DISTANCE_SEMITONES."""
    while True:
        first, second = (Speaker(rng.choice(half_tones), rng.uniform(*WARP_RANGE)) for _ in range(2))
        if abs(first.semitones - second.semitones) >= MIN_SPEAKER_DISTANCE_SEMITONES:
            return first, second


def draw_turn_lengths(rng: random.Random) -> list[int]:
    """Draw the number of sentences of each turn of a short call: 1 to 6 turns of 1 or 2 sentences."""
    return [rng.choice((1, 1, 2)) for _ in range(rng.randint(1, 6))]


def draw_long_turn_lengths(rng: random.Random) -> list[int]:
    """Draw the number of sentences of each turn in a part of a long call: 4 to 14 turns of 1, 2 or 5 sentences."""
    return [rng.choice((1,) * 8 + (2,) * 4 + (5,)) for _ in range(rng.randint(4, 14))]


def mix(waveforms: list[np.ndarray], gaps: list[float], rng: random.Random, telephone: bool) -> np.ndarray:
    """Join waveforms with gaps[i] seconds of quiet before each, and add noise and a random level.

    A negative gap makes a waveform overlap those before. The noise is 12 to 50 dB below the speech. telephone: limit
    the result to a telephone's band. Returns float32 in [-1, 1].
    """
    ending = rng.uniform(0.5, 2.0) if rng.random() < LONG_ENDING_SHARE else rng.uniform(0.05, 0.5)
    waveform = np.zeros(0, np.float32)
    for spoken, gap in zip([*waveforms, np.zeros(0, np.float32)], [*gaps, ending], strict=True):
        start = max(0, len(waveform) + round(gap * SAMPLE_RATE))
        waveform = np.pad(waveform, (0, max(0, start + len(spoken) - len(waveform))))
        waveform[start : start + len(spoken)] += spoken
    noise = draw_noise(len(waveform), rng)
    level = float(np.sqrt(np.mean(waveform**2))) * 10 ** (-rng.uniform(12, 50) / 20)
    waveform = waveform + noise * level
    if telephone:
        waveform = telephone_band(waveform)
    gain = 10 ** (rng.uniform(-24, 0) / 20) / max(1e-9, float(np.abs(waveform).max()))
    return (waveform * gain).astype(np.float32)


@functools.cache
def noise_bank() -> np.ndarray:
    """Return a minute of noise for each of five colours from white to brown, unit power: (colours, samples) float32."""
    generator = np.random.default_rng(0)
    samples = 60 * SAMPLE_RATE
    frequencies = np.maximum(scipy.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 50)
    spectra = [
        scipy.fft.rfft(generator.standard_normal(samples)) / frequencies**slope for slope in (0, 0.25, 0.5, 0.75, 1)
    ]
    noises = [scipy.fft.irfft(spectrum, samples) for spectrum in spectra]
    return np.stack([noise / np.sqrt(np.mean(noise**2)) for noise in noises]).astype(np.float32)


def draw_noise(samples: int, rng: random.Random) -> np.ndarray:
    """Return a random part of the noise bank."""
    colours = noise_bank()
    start = rng.randrange(colours.shape[1] - samples)
    return rng.choice(colours)[start : start + samples]


def telephone_band(waveform: np.ndarray) -> np.ndarray:
    """Limit a waveform to 300 to 3400 Hz, the pass band of a telephone line (source: ITU-T G.712)."""
    length = scipy.fft.next_fast_len(len(waveform), real=True)
    spectrum = scipy.fft.rfft(waveform, length)
    frequencies = scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    spectrum[(frequencies < TELEPHONE_BAND_HZ[0]) | (frequencies > TELEPHONE_BAND_HZ[1])] = 0
    return scipy.fft.irfft(spectrum, length)[: len(waveform)].astype(np.float32)


def draw_gaps(rng: random.Random, count: int) -> list[float]:
    """Draw the seconds of quiet before each sentence. They do not depend on whether the speaker changes."""
    return [rng.uniform(0.05, 0.6)] + [rng.uniform(0.15, 0.8) for _ in range(count - 1)]


def talk_over(rng: random.Random, gaps: list[float]) -> list[float]:
    """Make some gaps negative, so that these sentences overlap the ones before."""
    return gaps[:1] + [rng.uniform(-0.7, -0.3) if rng.random() < TALK_OVER_SHARE else gap for gap in gaps[1:]]
