"""Synthetic speech: sentences -> utterances in many voices -> clips as a microphone or a telephone would give them.

Japanese is spoken by Open JTalk (`pyopenjtalk-plus`, dictionary and voice inside its wheel), English and Portuguese
by `espeak-ng` (a Debian package). Open JTalk is slow, so a voice's vocal tract and pitch are varied afterwards by
resampling (`warp`), which makes many speakers out of one utterance.
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
"""Factor on pitch and formants; beyond it a voice stops sounding human."""
MIN_SPEAKER_DISTANCE_SEMITONES = 5.0
"""Two speakers of one call differ in pitch at least by this."""
TALK_OVER_SHARE = 0.2
"""Of the sentences of a call in which people talk over each other."""
LONG_ENDING_SHARE = 0.25
"""Of the clips: half a second to two seconds of quiet at the end, in which nothing may be heard."""


@dataclass(frozen=True)
class Voice:
    """One setting of a synthesiser."""

    engine: str  # "openjtalk" or an espeak-ng language
    variant: str = ""  # espeak-ng voice variant
    half_tone: int = 0  # Open JTalk: semitones on the pitch
    pitch: int = 50  # espeak-ng: 0 to 99
    speed: float = 1.0  # 1 is the engine's own

    @property
    def speaker(self) -> tuple[str, str, int]:
        """What stays the same while one person speaks."""
        return self.engine, self.variant, self.half_tone


TRAINING_SPEEDS = (0.9, 1.0, 1.1, 1.2)
HELD_OUT_SPEEDS = (0.95, 1.05, 1.15)
TRAINING_HALF_TONES = (-8, -6, -4, -2, 0, 2, 4)
HELD_OUT_HALF_TONES = (-7, -5, -3, -1, 1, 3)
TRAINING_VARIANTS = "m1 m2 m3 m4 m5 m7 f1 f2 f3 f5".split()
HELD_OUT_VARIANTS = "m6 m8 f4".split()
UNHEARD = str.maketrans("", "", "\u02c8\u02cc\u02d0\u0303\u0329\u032f\u200d()")
"""Of the phonetic alphabet: stress, length and what is written over or under a letter."""
ENGLISH_ENGINE, PORTUGUESE_ENGINE = "en-us", "pt-br"


def draw_japanese_voice(rng: random.Random, held_out: bool) -> Voice:
    """A setting of Open JTalk; held-out pitches and speeds lie between those of training."""
    half_tones, speeds = (HELD_OUT_HALF_TONES, HELD_OUT_SPEEDS) if held_out else (TRAINING_HALF_TONES, TRAINING_SPEEDS)
    return Voice("openjtalk", half_tone=rng.choice(half_tones), speed=rng.choice(speeds))


def draw_espeak_voice(rng: random.Random, engine: str, held_out: bool) -> Voice:
    """A setting of espeak-ng; held-out variants are never trained on."""
    variants = HELD_OUT_VARIANTS if held_out else TRAINING_VARIANTS
    return Voice(engine, rng.choice(variants), pitch=rng.randint(30, 70), speed=rng.uniform(0.85, 1.1))


def speak(text: str, voice: Voice) -> np.ndarray:
    """Say a sentence: float32 mono 16 kHz, peak 0.5, without the silence around it."""
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
    """What espeak-ng makes of a text before it speaks: phonemes, without stress and length, one space between words."""
    done = subprocess.run(["espeak-ng", "-q", "--ipa", "-v", engine, text], capture_output=True, check=True)
    return " ".join(done.stdout.decode().translate(UNHEARD).split())


def trim(waveform: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """Cut what is quieter than `threshold` from both ends, leaving 20 ms."""
    start, end = loud_span(waveform, threshold)
    return waveform[start:end]


def loud_span(waveform: np.ndarray, threshold: float = 0.01) -> tuple[int, int]:
    """First and end sample of what `trim` leaves."""
    loud = np.flatnonzero(np.abs(waveform) > threshold)
    margin = SAMPLE_RATE // 50
    return max(0, int(loud[0]) - margin), min(len(waveform), int(loud[-1]) + margin)


def draw_factor(rng: random.Random, voice: Voice) -> float:
    """A factor for `warp`: wide for Open JTalk's one voice, narrow for espeak-ng, whose variants differ already."""
    return rng.uniform(*(WARP_RANGE if voice.engine == "openjtalk" else (0.93, 1.07)))


def warp(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Raise pitch and formants by `factor`, as a shorter vocal tract would; the sound gets shorter by as much."""
    return soxr.resample(waveform, SAMPLE_RATE * factor, SAMPLE_RATE, quality="LQ")


@dataclass(frozen=True)
class Utterance:
    """One sentence as one voice says it."""

    text: str
    translation: str
    spelling: str  # kana or phonemes: what the sound is made of
    voice: Voice
    waveform: np.ndarray

    def warped(self, factor: float) -> Utterance:
        """The same sentence from a speaker with another vocal tract."""
        return replace(self, waveform=warp(self.waveform, factor))


@dataclass(frozen=True)
class Speaker:
    """Who speaks in a call: a pitch setting of the synthesiser and a vocal tract."""

    half_tone: int
    factor: float

    @property
    def semitones(self) -> float:
        """Pitch above the engine's own."""
        return self.half_tone + 12 * float(np.log2(self.factor))


def draw_speakers(rng: random.Random, half_tones: tuple[int, ...]) -> tuple[Speaker, Speaker]:
    """Two speakers that can be told apart."""
    while True:
        one, two = (Speaker(rng.choice(half_tones), rng.uniform(*WARP_RANGE)) for _ in range(2))
        if abs(one.semitones - two.semitones) >= MIN_SPEAKER_DISTANCE_SEMITONES:
            return one, two


def draw_turn_lengths(rng: random.Random) -> list[int]:
    """How many sentences each turn of a short call has: 1 to 6 turns of one or two."""
    return [rng.choice((1, 1, 2)) for _ in range(rng.randint(1, 6))]


def draw_long_turn_lengths(rng: random.Random) -> list[int]:
    """The same of a stretch of a long call: 4 to 14 turns, in some of which one speaker goes on and on."""
    return [rng.choice((1,) * 8 + (2,) * 4 + (5,)) for _ in range(rng.randint(4, 14))]


def mix(utterances: list[np.ndarray], gaps: list[float], rng: random.Random, telephone: bool) -> np.ndarray:
    """Join waveforms with `gaps` seconds of quiet before each, put a room or a line around them.

    A gap below 0 lets a waveform begin before the last one has ended. Level, noise (10 to 50 dB below the speech) and
    the pauses at both ends vary. Returns float32 in [-1, 1].
    """
    ending = rng.uniform(0.5, 2.0) if rng.random() < LONG_ENDING_SHARE else rng.uniform(0.05, 0.5)
    waveform = np.zeros(0, np.float32)
    for utterance, gap in zip([*utterances, np.zeros(0, np.float32)], [*gaps, ending], strict=True):
        start = len(waveform) + round(gap * SAMPLE_RATE)
        waveform = np.pad(waveform, (0, max(0, start + len(utterance) - len(waveform))))
        waveform[start : start + len(utterance)] += utterance
    noise = draw_noise(len(waveform), rng)
    level = float(np.sqrt(np.mean(waveform**2))) * 10 ** (-rng.uniform(12, 50) / 20)
    waveform = waveform + noise * level
    if telephone:
        waveform = telephone_band(waveform)
    gain = 10 ** (rng.uniform(-24, 0) / 20) / max(1e-9, float(np.abs(waveform).max()))
    return (waveform * gain).astype(np.float32)


@functools.cache
def noise_bank() -> np.ndarray:
    """A minute each of noise of unit power, from white to brown: (colours, samples) float32."""
    generator = np.random.default_rng(0)
    samples = 60 * SAMPLE_RATE
    frequencies = np.maximum(scipy.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 50)
    spectra = [
        scipy.fft.rfft(generator.standard_normal(samples)) / frequencies**slope for slope in (0, 0.25, 0.5, 0.75, 1)
    ]
    noises = [scipy.fft.irfft(spectrum, samples) for spectrum in spectra]
    return np.stack([noise / np.sqrt(np.mean(noise**2)) for noise in noises]).astype(np.float32)


def draw_noise(samples: int, rng: random.Random) -> np.ndarray:
    """A stretch of the noise bank."""
    colours = noise_bank()
    start = rng.randrange(colours.shape[1] - samples)
    return rng.choice(colours)[start : start + samples]


def telephone_band(waveform: np.ndarray) -> np.ndarray:
    """What an 8 kHz line leaves: 300 to 3400 Hz (ITU-T G.712's pass band)."""
    length = scipy.fft.next_fast_len(len(waveform), real=True)
    spectrum = scipy.fft.rfft(waveform, length)
    frequencies = scipy.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    spectrum[(frequencies < TELEPHONE_BAND_HZ[0]) | (frequencies > TELEPHONE_BAND_HZ[1])] = 0
    return scipy.fft.irfft(spectrum, length)[: len(waveform)].astype(np.float32)


def draw_gaps(rng: random.Random, count: int) -> list[float]:
    """Quiet before each utterance in seconds; its length does not tell whether the speaker changes."""
    return [rng.uniform(0.05, 0.6)] + [rng.uniform(0.15, 0.8) for _ in range(count - 1)]


def talk_over(rng: random.Random, gaps: list[float]) -> list[float]:
    """The same gaps, but some utterances begin before the last one has ended."""
    return gaps[:1] + [rng.uniform(-0.7, -0.3) if rng.random() < TALK_OVER_SHARE else gap for gap in gaps[1:]]
