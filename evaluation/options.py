"""The option parser that all commands in `evaluation` and `training` share, and the options of a direction."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from kikitori.languages import AUTO
from kikitori.tasks import TASKS, Task, choose_task


class OptionParser(argparse.ArgumentParser):
    """An `ArgumentParser` that accepts `--output-dir` for `--output_dir`; help and errors show the underscores."""

    def parse_known_args(self, args: Sequence[str] | None = None, namespace=None):
        """As in `ArgumentParser`. `parse_args` calls this method."""
        return super().parse_known_args(with_underscores(sys.argv[1:] if args is None else args), namespace)


def add_direction(parser: argparse.ArgumentParser) -> None:
    """Add `--direction` and `--language`."""
    parser.add_argument("--direction", required=True, choices=list(TASKS))
    parser.add_argument(
        "--language",
        default=AUTO,
        help=f"transcribe: what is spoken, by English name or ISO code (default: {AUTO}, as the data tell it)",
    )


def chosen_task(options: argparse.Namespace) -> Task:
    """Return the task of `--direction` and `--language`. Raises TaskError if they don't fit."""
    return choose_task(options.direction, options.language)


def with_underscores(arguments: Sequence[str]) -> list[str]:
    """Replace the hyphens inside option names by underscores; values, and everything after `--`, stay as they are."""
    end = list(arguments).index("--") if "--" in arguments else len(arguments)
    return [*map(_with_underscores, arguments[:end]), *arguments[end:]]


def _with_underscores(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"
