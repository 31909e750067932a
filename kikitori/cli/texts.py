"""Texts that options give, or files that they name."""

from __future__ import annotations

import argparse
from pathlib import Path

from kikitori.errors import AudioError, TextError
from kikitori.text.context import check_context
from kikitori.text.replacements import Rule, check_rules, parse_rule, parse_rules

MAX_FILE_BYTES = 1_000_000
"""More than a context or a list of rules can need."""


def read_context(text: str | None, path: str | None) -> str:
    """Return the checked context of `--context` or of `--context_file`; "" without both.

    Raises TextError or AudioError, and argparse.ArgumentTypeError if both are given.
    """
    if text is not None and path is not None:
        raise argparse.ArgumentTypeError("--context and --context_file can't both be given: leave one out")
    return check_context(read_text(path) if path is not None else text or "")


def read_rules(rules: list[str], path: str | None) -> tuple[Rule, ...]:
    """Return the rules of `--replace_file`, then those of `--replace`. Raises TextError or AudioError."""
    of_file = parse_rules(read_text(path)) if path is not None else ()
    return check_rules((*of_file, *map(parse_rule, rules)))


def read_text(path: str) -> str:
    """Return what a file holds, without a byte order mark.

    Raises AudioError if it can't be opened; TextError if it is not UTF-8, or has more than MAX_FILE_BYTES.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise AudioError("file_missing", name=path) from error
    except (OSError, ValueError) as error:
        raise AudioError("file_unopenable", name=path, why=getattr(error, "strerror", error)) from error
    if len(content) > MAX_FILE_BYTES:
        raise TextError("text_file_too_large", name=path, limit=MAX_FILE_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError("not_utf8", name=path) from error
