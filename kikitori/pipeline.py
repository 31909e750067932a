"""One recording to its turns: cut it into windows, decode each, check the text, join the turns.

    blocks of sound -> windows -> decoding results -> parsed windows (turns and warnings) -> updates

Nothing here knows a model: an Engine decodes and aligns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from kikitori.audio.channels import split_or_mix
from kikitori.audio.files import SAMPLE_RATE
from kikitori.audio.recutting import halves
from kikitori.audio.windows import Window, cut_channels, cut_windows
from kikitori.errors import CheckpointError, DamagedError, RefusedError
from kikitori.job import Job, ParsedWindow
from kikitori.joining import choose_joiner
from kikitori.language_changes import split_by_language
from kikitori.language_check import check_language
from kikitori.languages import ALIGNABLE
from kikitori.result import DecodingResult
from kikitori.strings import format_time, join_texts
from kikitori.tasks import Plan
from kikitori.text.confidence import mark_low_confidence
from kikitori.text.context import echoes
from kikitori.text.faults import FAULTS, find_faults
from kikitori.text.replacements import apply_rules
from kikitori.text.scripts import has_other_script
from kikitori.text.tags import parse_plain, parse_turns
from kikitori.transcript import TranscriptWarning, Turn
from kikitori.update import Draft, Update

MIN_RETRY_SECONDS = 4.0
"""A shorter window is not retried in halves."""
MAX_RETRIES = 2
"""How deep the halving goes: a window ends as four quarters at most."""

OTHER_SCRIPT = "the text is not in the letters of {language}: the recording may be in another language"

NOT_ALIGNED = "the times are estimates: the aligner does not know {language}"

COPIED_CONTEXT = "the model copied the context into the text: it was asked again without context"

WINDOWS_AT_ONCE = 16
"""The most windows that are handed to the engine together."""


def transcribe_blocks(
    blocks: Iterable[np.ndarray], job: Job, reading: list[TranscriptWarning] | None = None
) -> Iterator[Update | Draft]:
    """Transcribe a recording; yield a draft while windows are decoded, and an update for each window.

    blocks: float32 16 kHz, (samples, channels) each. The last update has the whole recording's length and warnings.
    reading: warnings that are added while the blocks are read; each is taken out and passed on in the next update.
    Raises what the blocks and the engine raise. If the file turns out to be damaged, all sound before the damage is
    transcribed, and the last update has a warning; without any turns, DamagedError is raised. A RefusedError, for
    example for silence, is raised immediately.
    """
    reading = [] if reading is None else reading
    is_stereo, sound = split_or_mix(blocks, job.stereo if job.plan.has_speakers else False, reading)
    counted = _CountedBlocks(sound)
    joiner = choose_joiner(job, is_stereo)
    has_turns, repaired, is_checked = False, 0, False
    for group in in_groups(_cut(counted, job.plan, is_stereo)):
        if job.task.language is None:
            group = list(split_by_language(group, job.engine))
        for results in job.stream([window.waveform for window in group]):
            if not is_checked:  # once the engine has started, which may check the language with its first request
                yield from _language_warning(group[0], job)
                is_checked = True
            yield Draft(_draft_texts(results))
        parsed_windows: Iterable[ParsedWindow] = parse_windows(group, results, job)
        if job.source:
            parsed_windows = with_sources(list(parsed_windows), job.source)
        for parsed in parsed_windows:
            update = joiner.add(parsed)
            has_turns = has_turns or bool(update.turns or update.open_turns)
            update = _with_replacements(update, job)
            repaired += parsed.repaired
            yield replace(update, warnings=(*_take_all(reading), *update.warnings))
    if counted.error and not (has_turns and isinstance(counted.error, DamagedError)):
        raise counted.error
    warnings = (*_take_all(reading), *_final_warnings(has_turns, repaired, counted))
    yield _with_replacements(Update(joiner.open_turns, (), warnings, (), counted.seconds), job)


def in_groups(windows: Iterable[Window]) -> Iterator[list[Window]]:
    """Group windows by one, two, four and so on up to WINDOWS_AT_ONCE: the first text comes soon, the rest fast."""
    group: list[Window] = []
    size = 1
    for window in windows:
        group.append(window)
        if len(group) == size:
            yield group
            group, size = [], min(2 * size, WINDOWS_AT_ONCE)
    if group:
        yield group


def parse_windows(
    windows: list[Window], results: list[DecodingResult], job: Job, retries: int = MAX_RETRIES
) -> Iterator[ParsedWindow]:
    """Parse the results; retry windows with a faulty text in halves, recursively. Faults that remain are warnings."""
    for window, result in zip(windows, results, strict=True):
        if echoes(result.text, job.context):
            yield from _parse_echo(window, result, job, retries)
            continue
        faults = find_faults(result, window.speech_seconds)
        may_retry = faults and retries and window.samples >= MIN_RETRY_SECONDS * SAMPLE_RATE
        if may_retry and (parts := halves(window, overlap=job.plan.has_speakers)):
            again = job.decode([part.waveform for part in parts])
            yield from parse_windows(list(parts), again, job, retries - 1)
        else:
            yield _parse(window, result, faults, job)


def _parse_echo(window: Window, result: DecodingResult, job: Job, retries: int) -> Iterator[ParsedWindow]:
    """Parse a text that copies the context: decode the window again without context.

    If the second text has the same terms, they were spoken. Otherwise it replaces the first, with a warning.
    """
    without = replace(job, context="")
    (again,) = without.decode([window.waveform])
    if echoes(again.text, job.context):
        yield from parse_windows([window], [result], without, retries)
        return
    first, *others = parse_windows([window], [again], without, retries)
    echo = TranscriptWarning("context_echo", COPIED_CONTEXT)
    warnings = _window_warnings({echo.kind: echo.message}, window)
    yield replace(first, warnings=(*warnings, *first.warnings))
    yield from others


def with_sources(parsed_windows: list[ParsedWindow], source: Job) -> list[ParsedWindow]:
    """Add what was said in each window to its first turn, which holds the translation."""
    results = source.decode([parsed.window.waveform for parsed in parsed_windows])
    texts = [join_texts(turn.text for turn in parse_turns(result.text)[0]) for result in results]
    return [
        replace(parsed, turns=tuple(replace(turn, source=text) for turn in parsed.turns[:1]) + parsed.turns[1:])
        for parsed, text in zip(parsed_windows, texts, strict=True)
    ]


def _language_warning(window: Window, job: Job) -> Iterator[Update]:
    """Yield a warning if the recording seems to be in another language than the task's."""
    if job.language_check is None:
        return
    try:
        warning = check_language(job.task, job.language_check, window.waveform)
    except CheckpointError as error:  # a model that only checks must not keep the direction's own from working
        warning = TranscriptWarning("language_not_checked", f"the language was not checked: {error}")
    if warning:
        yield Update(warnings=(warning,))


def _cut(sound: Iterable[np.ndarray], plan: Plan, is_stereo: bool) -> Iterator[Window]:
    if is_stereo:
        return cut_channels(sound, plan.window_seconds)
    return cut_windows((block[:, 0] for block in sound), plan.window_seconds, plan.overlap_seconds)


def _parse(window: Window, result: DecodingResult, faults: tuple[str, ...], job: Job) -> ParsedWindow:
    turns, warnings = (parse_turns if job.plan.has_speakers else parse_plain)(result.text)
    turns = mark_low_confidence(turns, result.text, result.low_confidence)
    turns = tuple(replace(turn, language=result.named_language) for turn in turns)
    language = job.task.language or result.named_language
    if has_other_script(join_texts(turn.text for turn in turns), language):
        warnings += (TranscriptWarning("other_script", OTHER_SCRIPT.format(language=language)),)
    can_align = job.align and language in ALIGNABLE
    if turns and job.align and not can_align:
        warnings += (TranscriptWarning("not_aligned", NOT_ALIGNED.format(language=language or "an unknown language")),)
    messages = {warning.kind: warning.message for warning in warnings} | {fault: FAULTS[fault] for fault in faults}
    turns, repaired = _with_times(turns, window, job, language if can_align else None)
    tokens = tuple(zip(result.ids, result.log_probabilities, strict=True))
    return ParsedWindow(window, result.raw_text, turns, _window_warnings(messages, window), repaired, tokens)


def _with_times(
    turns: tuple[Turn, ...], window: Window, job: Job, language: str | None
) -> tuple[tuple[Turn, ...], int]:
    """Give turns their own times, or the window's if the language to align is None; and count the repaired ones."""
    if language and turns:
        alignment = job.engine.align(window.waveform, turns, language)
        return tuple(_in_recording(turn, window) for turn in alignment.turns), alignment.repaired
    start, end = round(window.start_seconds, 3), round(window.end_seconds, 3)
    return tuple(replace(turn, start_seconds=start, end_seconds=end, timing="window") for turn in turns), 0


def _in_recording(turn: Turn, window: Window) -> Turn:
    """Convert a turn's times from counting in the window to counting in the recording."""
    words = tuple(
        replace(
            word,
            start_seconds=round(window.to_recording(word.start_seconds), 3),
            end_seconds=round(window.to_recording(word.end_seconds, is_end=True), 3),
        )
        for word in turn.words
    )
    return replace(
        turn,
        start_seconds=round(window.to_recording(turn.start_seconds), 3),
        end_seconds=round(window.to_recording(turn.end_seconds, is_end=True), 3),
        words=words,
    )


def _window_warnings(messages: dict[str, str], window: Window) -> tuple[TranscriptWarning, ...]:
    """Warnings about one window, with its time. messages: by kind."""
    span = f"{format_time(window.start_seconds)} to {format_time(window.end_seconds)}"
    start, end = round(window.start_seconds, 3), round(window.end_seconds, 3)
    return tuple(TranscriptWarning(kind, f"{span}: {message}", start, end) for kind, message in messages.items())


def _with_replacements(update: Update, job: Job) -> Update:
    """Apply the job's rules after turns are joined: linking compares what the model wrote."""
    if not job.replacements:
        return update
    turns, open_turns = (apply_rules(turns, job.replacements) for turns in (update.turns, update.open_turns))
    return replace(update, turns=turns, open_turns=open_turns)


def _take_all(warnings: list[TranscriptWarning]) -> list[TranscriptWarning]:
    taken = warnings[:]
    warnings.clear()
    return taken


def _final_warnings(has_turns: bool, repaired: int, read: _CountedBlocks) -> tuple[TranscriptWarning, ...]:
    """Warnings about the whole recording."""
    warnings = []
    if isinstance(read.error, DamagedError):
        start = round(min(read.error.seconds, read.seconds), 3)
        message = f"{format_time(start)}: the recording is damaged, and what was said from here on may be missing"
        warnings.append(TranscriptWarning("damaged", message, start, read.seconds))
    if not has_turns:
        message = "there is no speech in this recording, or the model found none"
        warnings.append(TranscriptWarning("no_speech", message))
    if repaired:
        message = f"{repaired} of the aligner's times were zero-length, backward or outside: they were repaired"
        warnings.append(TranscriptWarning("repaired_times", message))
    return tuple(warnings)


def _draft_texts(results: list[DecodingResult]) -> tuple[str, ...]:
    """The text so far, without tags: one string per turn."""
    whole = (result.text.rstrip("\ufffd") for result in results)  # a character may be half decoded
    return tuple(turn.text for text in whole for turn in parse_turns(text)[0])


class _CountedBlocks:
    """Blocks of a recording, counted. If the file can't be read on, they end, and `error` holds the reason.

    What came before is then transcribed as if the recording ended there, so that none of it is lost.
    """

    def __init__(self, blocks: Iterable[np.ndarray]):
        self._blocks = blocks
        self._samples = 0
        self.error: Exception | None = None

    @property
    def seconds(self) -> float:
        """How much was read."""
        return round(self._samples / SAMPLE_RATE, 3)

    def __iter__(self) -> Iterator[np.ndarray]:
        try:
            for block in self._blocks:
                self._samples += len(block)
                yield block
        except RefusedError:
            raise
        except Exception as error:
            self.error = error
