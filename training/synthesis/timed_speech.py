"""Synthesises speech together with the time of each character of the text.

Both synthesisers plan durations before they produce sound, and report them. Open JTalk reports the frames of each
phoneme (through the C interface in `pyopenjtalk-plus`). espeak-ng reports the start of each word and phoneme (events of
`libespeak-ng`). The time of a Japanese morpheme, or of a word, is divided evenly among its characters.
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
class TimedSentence:
    """A sentence spoken by one voice, with the time of each character."""

    text: str
    voice: Voice
    waveform: np.ndarray  # mono 16 kHz; float32, or int16 if read from a shard
    times: np.ndarray  # float32 (characters, 2): start and end in seconds; NaN for silent characters

    def warped(self, factor: float) -> TimedSentence:
        """Return the sentence as float32, spoken with another vocal tract (see `warp`)."""
        waveform = self.waveform
        if waveform.dtype == np.int16:
            waveform = waveform.astype(np.float32) / 32767
        return replace(self, waveform=warp(waveform, factor), times=self.times / np.float32(factor))

    def louder(self, gain: float) -> TimedSentence:
        """Return the sentence with its amplitude multiplied by `gain`."""
        return replace(self, waveform=self.waveform * np.float32(gain))


@dataclass(frozen=True)
class TimedTurn:
    """A turn of one speaker, with the time of each character in its clip."""

    text: str
    times: np.ndarray  # float32 (characters, 2), seconds


def speak_timed(text: str, voice: Voice) -> TimedSentence:
    """Synthesise a sentence as `training.synthesis.voices.speak` does: peak 0.5, silence at both ends removed."""
    waveform, times = _openjtalk(text, voice) if voice.engine == "openjtalk" else _espeak(text, voice)
    waveform = (waveform / max(1e-9, float(np.abs(waveform).max())) * 0.5).astype(np.float32)
    start, end = loud_span(waveform)
    # The silent closure at the start of a plosive has a planned duration but is trimmed away.
    audible = np.clip(times - start / SAMPLE_RATE, 0, (end - start) / SAMPLE_RATE)
    return TimedSentence(text, voice, waveform[start:end], audible.astype(np.float32))


def compose(
    turns: list[list[TimedSentence]], space: str, rng: random.Random, telephone: bool
) -> tuple[np.ndarray, list[TimedTurn]]:
    """Mix the sentences of all turns into one clip. `space` separates sentences in a turn's text.

    Returns the waveform, float32 mono 16 kHz in [-1, 1], and the turns with their times in it.
    """
    spoken = [sentence for turn in turns for sentence in turn]
    gaps = draw_gaps(rng, len(spoken))
    waveform = mix([sentence.waveform for sentence in spoken], gaps, rng, telephone)
    timed, end, number = [], 0, 0
    for turn in turns:
        pieces = []
        for sentence in turn:
            start = end + round(gaps[number] * SAMPLE_RATE)
            silent = np.full((len(space) if pieces else 0, 2), np.nan, np.float32)
            pieces += [silent, sentence.times + np.float32(start / SAMPLE_RATE)]
            end, number = start + len(sentence.waveform), number + 1
        timed.append(TimedTurn(space.join(sentence.text for sentence in turn), np.concatenate(pieces)))
    return waveform, timed


def words_of_turn(turn: TimedTurn, tokens: list[str], is_kept) -> np.ndarray:
    """Return start and end of each of a turn's tokens, (tokens, 2) in seconds.

    tokens: as the aligner splits the text, without the characters for which `is_kept` is false. A token without a time
    from the synthesiser fills the gap between its neighbours. Raises ValueError if the tokens don't match the text.
    """
    kept = turn.times[[is_kept(character) for character in turn.text]]
    lengths = [len(token) for token in tokens]
    if sum(lengths) != len(kept):
        raise ValueError(f"{tokens} are not the words of {turn.text!r}")
    ends = np.cumsum(lengths)
    times = _without_gaps(kept)
    return np.stack([times[ends - lengths, 0], times[ends - 1, 1]], axis=1)


def _without_gaps(times: np.ndarray) -> np.ndarray:
    """Let characters without times fill the gap between the nearest characters with times."""
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
    """Divide the time from start to end evenly among characters, in place."""
    steps = np.linspace(start, end, len(times) + 1)
    times[:, 0], times[:, 1] = steps[:-1], steps[1:]


class _PhonemeClock:
    """Open JTalk's engine, used for durations only. Source of the interface: HTS_engine.h, hts_engine API 1.10."""

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
        """Return this process's engine."""
        return cls()

    def _ask(self, name: str, *arguments) -> int:
        return getattr(self._library, f"HTS_Engine_get_{name}")(self._engine, *arguments)

    def seconds(self, labels: list[str], speed: float) -> np.ndarray:
        """Return the duration of each full-context label in seconds."""
        lines = (ctypes.c_char_p * len(labels))(*[label.encode() for label in labels])
        self._library.HTS_Engine_set_speed(self._engine, speed)
        self._library.HTS_Engine_generate_state_sequence_from_strings(self._engine, lines, len(labels))
        frames = [self._ask("state_duration", state) for state in range(self._ask("total_state"))]
        seconds_per_frame = self._ask("fperiod") / self._ask("sampling_frequency")
        per_label = np.reshape(frames, (len(labels), self._ask("nstate"))).sum(axis=1)
        self._library.HTS_Engine_refresh(self._engine)
        return per_label * seconds_per_frame


class _EspeakEvent(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h. Its last member is a union of eight bytes."""

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
    """Wraps `libespeak-ng.so.1`. The constants are from speak_lib.h."""

    SYNCHRONOUS, PHONEME_EVENTS, UTF8 = 2, 1, 1
    RATE, PITCH = 1, 3
    LIST_END, WORD, PHONEME = 0, 1, 7

    def __init__(self):
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self.rate = self._library.espeak_Initialize(self.SYNCHRONOUS, 0, None, self.PHONEME_EVENTS)
        self._audio: list[bytes] = []
        self._events: list[tuple[int, int, int, int, bytes]] = []
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    @classmethod
    @functools.cache
    def get(cls) -> _Espeak:
        """Return this process's engine."""
        return cls()

    def _receive(self, audio: int | None, samples: int, events) -> int:
        if audio and samples > 0:
            self._audio.append(ctypes.string_at(audio, 2 * samples))
        place = 0
        while events[place].type != self.LIST_END:
            event = events[place]
            self._events.append((event.type, event.text_position, event.length, event.sample, event.name))
            place += 1
        return 0

    def say(self, text: str, voice: Voice) -> tuple[np.ndarray, list[tuple[int, int, int, int, bytes]]]:
        """Return int16 samples at `rate`, and events: type, first character (from 1), characters, sample, name."""
        self._audio, self._events = [], []
        name = f"{voice.engine}+{voice.variant}"
        # Like the program's `-v`: by name first, then by language.
        by_language = _EspeakVoice(languages=name.encode())
        if self._library.espeak_SetVoiceByName(name.encode()) and self._library.espeak_SetVoiceByProperties(
            ctypes.byref(by_language)
        ):
            raise ValueError(f"espeak-ng has no voice {name}")
        self._library.espeak_SetParameter(self.RATE, round(175 * voice.speed), 0)
        self._library.espeak_SetParameter(self.PITCH, voice.pitch, 0)
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, self.UTF8, None, None)
        return np.frombuffer(b"".join(self._audio), np.int16), self._events


def _espeak(text: str, voice: Voice) -> tuple[np.ndarray, np.ndarray]:
    engine = _Espeak.get()
    samples, events = engine.say(text, voice)
    marks = [event for event in events if event[0] == engine.WORD or (event[0] == engine.PHONEME and _is_pause(event))]
    firsts = [event[1] - 1 for event in events if event[0] == engine.WORD] + [len(text)]
    times = np.full((len(text), 2), np.nan)
    word = 0
    for (kind, _, _, start, _), end in zip(marks, [mark[3] for mark in marks[1:]] + [len(samples)], strict=True):
        if kind == engine.WORD:
            # espeak-ng speaks some neighbours as one word ("do not"), which ends where its next word begins.
            last = _last_letter(text, firsts[word], firsts[word + 1])
            _share(times[firsts[word] : last + 1], start / engine.rate, end / engine.rate)
            word += 1
    return soxr.resample(samples.astype(np.float32) / 32768, engine.rate, SAMPLE_RATE), times


def _last_letter(text: str, first: int, end: int) -> int:
    """Return the place of the last letter or digit in text[first:end], or `first` if there is none."""
    return max((place for place in range(first, end) if text[place].isalnum()), default=first)


def _is_pause(event: tuple[int, int, int, int, bytes]) -> bool:
    return event[4].startswith(b"_")
