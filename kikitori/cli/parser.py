"""The parser of the commands' options: its errors begin as all others do."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that writes `error: …` where that writes `PROG: error: …`."""

    def error(self, message: str) -> NoReturn:
        """Print the usage and an error, and exit with code 2."""
        self.print_usage(sys.stderr)
        self.exit(2, f"error: {message}\n")
