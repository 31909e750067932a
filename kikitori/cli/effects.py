"""Options that would have no effect are refused, all in the same way."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import NamedTuple

from kikitori.tasks import SOURCES, TASKS


class Effect(NamedTuple):
    """When an option has an effect. where, remedy: parts of the sentence that refuses it otherwise."""

    option: str
    is_possible: Callable[[argparse.Namespace], bool]
    where: str
    remedy: str


def _direction_in(names: list[str]) -> Callable[[argparse.Namespace], bool]:
    return lambda options: options.direction in names


def _format_in(*formats: str) -> Callable[[argparse.Namespace], bool]:
    return lambda options: not {*formats, "all"}.isdisjoint(options.output_format)


def _has_folder(options: argparse.Namespace) -> bool:
    return options.files_from is not None or any(map(_may_be_folder, options.audio))


def _may_be_folder(path: str) -> bool:
    """Whether a path is a folder, or does not exist and has a folder's kind of name; that is another error."""
    return os.path.isdir(path) or not (os.path.exists(path) or os.path.splitext(path)[1])


def _has_output_dir(options: argparse.Namespace) -> bool:
    return options.output_dir is not None


ANY_LANGUAGE = [task.name for task in TASKS.values() if task.takes_any]
ALIGNABLE = [task.name for task in TASKS.values() if not task.translates]
WITH_SPEAKERS = [task.name for task in TASKS.values() if task.has_speakers]
SUBTITLES = _format_in("srt", "vtt")

EFFECTS = (
    Effect("language", _direction_in(ANY_LANGUAGE), "on {direction}", f"use --direction {' or '.join(ANY_LANGUAGE)}"),
    Effect("model", _direction_in(ANY_LANGUAGE), "on {direction}", f"use --direction {' or '.join(ANY_LANGUAGE)}"),
    Effect("source", _direction_in([*SOURCES]), "on {direction}", f"use --direction {' or '.join(SOURCES)}"),
    Effect(
        "source",
        _format_in("json", "srt", "vtt", "tsv"),
        "in {output_format}",
        "use -f json, srt, vtt, tsv or all",
    ),
    Effect("align", _direction_in(ALIGNABLE), "on {direction}", f"use --direction {' or '.join(ALIGNABLE)}"),
    Effect(
        "align",
        _format_in("srt", "vtt", "tsv", "json", "rttm"),
        "in {output_format}",
        "use -f srt, vtt, tsv, json, rttm or all",
    ),
    Effect("stereo", _direction_in(WITH_SPEAKERS), "on {direction}", f"use --direction {' or '.join(WITH_SPEAKERS)}"),
    Effect("max_line_width", SUBTITLES, "in {output_format}", "use -f srt, vtt or all"),
    Effect("max_line_count", SUBTITLES, "in {output_format}", "use -f srt, vtt or all"),
    Effect("resume", _has_output_dir, "without --output_dir", "name the folder of the earlier output with -o"),
    Effect("skip_existing", _has_output_dir, "without --output_dir", "name the folder of the earlier output with -o"),
    Effect("recursive", _has_folder, "without a folder", "name the folder that holds the recordings"),
)


def check_effects(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Raise argparse.ArgumentTypeError for the first option that was given and has no effect."""
    for effect in EFFECTS:
        was_given = getattr(options, effect.option) != parser.get_default(effect.option)
        if was_given and not effect.is_possible(options):
            where = effect.where.format_map(vars(options) | {"output_format": " and ".join(options.output_format)})
            raise argparse.ArgumentTypeError(
                f"--{effect.option} has no effect {where}: {effect.remedy}, or leave it out"
            )
