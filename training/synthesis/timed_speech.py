"""Synthetic speech that knows when each character of its text is said.

Both synthesisers plan durations before they make sound, and tell them: Open JTalk's engine the frames of each phoneme
(through its C interface, which `pyopenjtalk-plus` keeps open), espeak-ng the moment at which each word and phoneme
begins (events of `libespeak-ng`). Characters of one Japanese morpheme, or of one word, share its time evenly.
"""

from __future__ import annotations

import ctypes
import functools
import random
from dataclasses import dataclass, replace

import numpy as np
import soxr

from training.synthesis.voices import SAMPLE_RATE, Voice, draw_gaps, loud_span, mix, warp


@dataclass(frozen=True)
class TimedUtterance:
    """One sentence as one voice says it, and when it says each character."""

    text: str
    voice: Voice
    waveform: np.ndarray  # float32 mono 16 kHz, or int16 as the pool keeps it
    times: np.ndarray  # float32 (characters, 2): start and end in seconds, NaN where nothing is said

    def warped(self, factor: float) -> TimedUtterance:
        """The same sentence from a speaker with another vocal tract, ready to mix."""
        waveform = self.waveform
        if waveform.dtype == np.int16:
            waveform = waveform.astype(np.float32) / 32767
        return replace(self, waveform=warp(waveform, factor), times=self.times / np.float32(factor))

    def louder(self, gain: float) -> TimedUtterance:
        """The same, `gain` times as loud."""
        return replace(self, waveform=self.waveform * np.float32(gain))


@dataclass(frozen=True)
class TimedTurn:
    """What one speaker says without a break, and when each character is said in the clip that holds it."""

    text: str
    times: np.ndarray  # float32 (characters, 2), seconds


def speak_timed(text: str, voice: Voice) -> TimedUtterance:
    """Say a sentence as `training.synthesis.voices.speak` does: peak 0.5, without the silence around it."""
    waveform, times = _openjtalk(text, voice) if voice.engine == "openjtalk" else _espeak(text, voice)
    waveform = (waveform / max(1e-9, float(np.abs(waveform).max())) * 0.5).astype(np.float32)
    start, end = loud_span(waveform)
    # A plosive begins with a closure, which is planned but not heard.
    heard = np.clip(times - start / SAMPLE_RATE, 0, (end - start) / SAMPLE_RATE)
    return TimedUtterance(text, voice, waveform[start:end], heard.astype(np.float32))


def compose(
    turns: list[list[TimedUtterance]], space: str, rng: random.Random, telephone: bool
) -> tuple[np.ndarray, list[TimedTurn]]:
    """Mix the utterances of all turns into one clip, joined in the text by `space`.

    Returns the waveform, float32 mono 16 kHz in [-1, 1], and the turns with times in it.
    """
    spoken = [utterance for turn in turns for utterance in turn]
    gaps = draw_gaps(rng, len(spoken))
    waveform = mix([utterance.waveform for utterance in spoken], gaps, rng, telephone)
    timed, end, number = [], 0, 0
    for turn in turns:
        pieces = []
        for utterance in turn:
            start = end + round(gaps[number] * SAMPLE_RATE)
            unsaid = np.full((len(space) if pieces else 0, 2), np.nan, np.float32)
            pieces += [unsaid, utterance.times + np.float32(start / SAMPLE_RATE)]
            end, number = start + len(utterance.waveform), number + 1
        timed.append(TimedTurn(space.join(utterance.text for utterance in turn), np.concatenate(pieces)))
    return waveform, timed


def words_of_turn(turn: TimedTurn, tokens: list[str], is_kept) -> np.ndarray:
    """When each of a turn's tokens is said: (tokens, 2) seconds.

    tokens: as the aligner cuts the text, without what `is_kept(character)` denies. A token that the synthesiser has no
    time for lies between its neighbours.
    """
    kept = turn.times[[is_kept(character) for character in turn.text]]
    lengths = [len(token) for token in tokens]
    if sum(lengths) != len(kept):
        raise ValueError(f"{tokens} are not the words of {turn.text!r}")
    ends = np.cumsum(lengths)
    said = _without_gaps(kept)
    return np.stack([said[ends - lengths, 0], said[ends - 1, 1]], axis=1)


def _without_gaps(times: np.ndarray) -> np.ndarray:
    """Characters without times get the end of the one before as their start and the next one's start as their end."""
    filled = times.copy()
    known = np.flatnonzero(~np.isnan(times[:, 0]))
    for place in np.flatnonzero(np.isnan(times[:, 0])):
        before, after = known[known < place], known[known > place]
        filled[place, 0] = times[before[-1], 1] if len(before) else times[after[0], 0]
        filled[place, 1] = times[after[0], 0] if len(after) else filled[place, 0]
    return filled


def _openjtalk(text: str, voice: Voice) -> tuple[np.ndarray, np.ndarray]:
    import pyopenjtalk

    labels = pyopenjtalk.extract_fullcontext(text)
    waveform, rate = pyopenjtalk.synthesize(labels, voice.speed, float(voice.half_tone))
    bounds = np.concatenate([[0], np.cumsum(_PhonemeClock.get().seconds(labels, voice.speed))])
    names = [label.split("-", 1)[1].split("+", 1)[0] for label in labels]
    sounding = iter([place for place, name in enumerate(names) if name not in ("sil", "pau")])
    times = np.full((len(text), 2), np.nan)
    for morpheme in pyopenjtalk.g2p_mapping(text):
        places = [next(sounding) for phoneme in morpheme["phonemes"] if phoneme != "pau"]
        first, end = morpheme["char_span"]
        if places and end > first:
            _share(times[first:end], bounds[places[0]], bounds[places[-1] + 1])
    return soxr.resample(waveform.astype(np.float32), rate, SAMPLE_RATE), times


def _share(times: np.ndarray, start: float, end: float) -> None:
    """Divide a stretch evenly among characters, in place."""
    steps = np.linspace(start, end, len(times) + 1)
    times[:, 0], times[:, 1] = steps[:-1], steps[1:]


class _PhonemeClock:
    """Open JTalk's engine, asked for durations alone (HTS_engine.h of hts_engine API 1.10)."""

    STRUCT_BYTES = 8192  # sizeof(HTS_Engine) is about 300

    def __init__(self):
        import pyopenjtalk.htsengine

        self._library = ctypes.CDLL(pyopenjtalk.htsengine.__file__)
        self._engine = ctypes.create_string_buffer(self.STRUCT_BYTES)
        self._library.HTS_Engine_set_speed.argtypes = [ctypes.c_void_p, ctypes.c_double]
        self._library.HTS_Engine_get_state_duration.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        for name in ("nstate", "total_state", "state_duration", "fperiod", "sampling_frequency"):
            getattr(self._library, f"HTS_Engine_get_{name}").restype = ctypes.c_size_t
        self._library.HTS_Engine_initialize(self._engine)
        self._library.HTS_Engine_load(self._engine, (ctypes.c_char_p * 1)(pyopenjtalk.DEFAULT_HTS_VOICE), 1)

    @classmethod
    @functools.cache
    def get(cls) -> _PhonemeClock:
        """The one engine of this process."""
        return cls()

    def _ask(self, name: str, *arguments) -> int:
        return getattr(self._library, f"HTS_Engine_get_{name}")(self._engine, *arguments)

    def seconds(self, labels: list[str], speed: float) -> np.ndarray:
        """How long each full-context label lasts."""
        lines = (ctypes.c_char_p * len(labels))(*[label.encode() for label in labels])
        self._library.HTS_Engine_set_speed(self._engine, speed)
        self._library.HTS_Engine_generate_state_sequence_from_strings(self._engine, lines, len(labels))
        frames = [self._ask("state_duration", state) for state in range(self._ask("total_state"))]
        seconds_per_frame = self._ask("fperiod") / self._ask("sampling_frequency")
        per_label = np.reshape(frames, (len(labels), self._ask("nstate"))).sum(axis=1)
        self._library.HTS_Engine_refresh(self._engine)
        return per_label * seconds_per_frame


class _EspeakEvent(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h; its last member is a union of eight bytes."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    )


class _EspeakVoice(ctypes.Structure):
    """`espeak_VOICE` of speak_lib.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender_age_variant", ctypes.c_ubyte * 4),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_EspeakEvent))


class _Espeak:
    """`libespeak-ng.so.1`; constants are those of speak_lib.h."""

    SYNCHRONOUS, PHONEME_EVENTS, UTF8 = 2, 1, 1
    RATE, PITCH = 1, 3
    LIST_END, WORD, PHONEME = 0, 1, 7

    def __init__(self):
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self._library.espeak_Initialize(self.SYNCHRONOUS, 0, None, self.PHONEME_EVENTS)
        self._sound: list[bytes] = []
        self._events: list[tuple[int, int, int, int, bytes]] = []
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    @classmethod
    @functools.cache
    def get(cls) -> _Espeak:
        """The one engine of this process."""
        return cls()

    def _receive(self, sound: int | None, samples: int, events) -> int:
        if sound and samples > 0:
            self._sound.append(ctypes.string_at(sound, 2 * samples))
        place = 0
        while events[place].type != self.LIST_END:
            event = events[place]
            self._events.append((event.type, event.text_position, event.length, event.sample, event.name))
            place += 1
        return 0

    def say(self, text: str, voice: Voice) -> tuple[np.ndarray, list[tuple[int, int, int, int, bytes]]]:
        """Samples, int16 at `rate`, and the events: type, first character (from 1), characters, sample, name."""
        self._sound, self._events = [], []
        name = f"{voice.engine}+{voice.variant}"
        # As the program itself does with `-v`.
        by_language = _EspeakVoice(languages=name.encode())
        if self._library.espeak_SetVoiceByName(name.encode()) and self._library.espeak_SetVoiceByProperties(
            ctypes.byref(by_language)
        ):
            raise ValueError(f"espeak-ng has no voice {name}")
        self._library.espeak_SetParameter(self.RATE, round(175 * voice.speed), 0)
        self._library.espeak_SetParameter(self.PITCH, voice.pitch, 0)
        said = text.encode()
        self._library.espeak_Synth(said, len(said) + 1, 0, 1, 0, self.UTF8, None, None)
        return np.frombuffer(b"".join(self._sound), np.int16), self._events


def _espeak(text: str, voice: Voice) -> tuple[np.ndarray, np.ndarray]:
    engine = _Espeak.get()
    samples, events = engine.say(text, voice)
    marks = [event for event in events if event[0] == engine.WORD or (event[0] == engine.PHONEME and _pause(event))]
    firsts = [event[1] - 1 for event in events if event[0] == engine.WORD] + [len(text)]
    times = np.full((len(text), 2), np.nan)
    word = 0
    for (kind, _, _, start, _), end in zip(marks, [mark[3] for mark in marks[1:]] + [len(samples)], strict=True):
        if kind == engine.WORD:
            # Some neighbours are said as one word ("do not"): it lasts up to where the next one begins.
            last = _last_letter(text, firsts[word], firsts[word + 1])
            _share(times[firsts[word] : last + 1], start / engine.rate, end / engine.rate)
            word += 1
    return soxr.resample(samples.astype(np.float32) / 32768, engine.rate, SAMPLE_RATE), times


def _last_letter(text: str, first: int, end: int) -> int:
    """The last letter or digit of text[first:end]; `first` where there is none."""
    return max((place for place in range(first, end) if text[place].isalnum()), default=first)


def _pause(event: tuple[int, int, int, int, bytes]) -> bool:
    return event[4].startswith(b"_")
