"""The parser of the commands' options: its errors begin as all others do."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that writes `error: …` where that writes `PROG: error: …`."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and an error, and exit with code 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"error: {message}\n")


def program() -> str:
    """How this program was called, up to its first argument, for commands that are to be copied."""
    path = Path(sys.argv[0])
    if path.parts[-2:] != ("kikitori", "__main__.py") and path.name != "inference.py":
        return "kikitori"
    return shlex.join(sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1])
