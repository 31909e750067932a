"""The page's tabs, and what differs between them."""

from __future__ import annotations

from dataclasses import dataclass

from kikitori.languages import AUTO
from kikitori.tasks import TASKS


@dataclass(frozen=True)
class Example:
    """A recording in examples/ that a visitor can try. name: of its file, and of its text in languages/."""

    name: str
    direction: str


@dataclass(frozen=True)
class Tab:
    """A tab of the page. key: of its texts in languages/."""

    key: str
    directions: tuple[str, ...]
    endpoint: str
    examples: tuple[Example, ...]

    @property
    def translates(self) -> bool:
        """Whether there is a direction to choose."""
        return len(self.directions) > 1

    @property
    def takes_any(self) -> bool:
        """Whether there is a language to choose."""
        return TASKS[self.directions[0]].takes_any

    @property
    def compares(self) -> bool:
        """Whether the transcript can be compared with a reference text."""
        return self.key == "portuguese"

    @property
    def has_calls(self) -> bool:
        """Whether the transcript is a call, which can be translated."""
        return self.key == "diarize"

    def first_option(self, direction: str) -> list[str]:
        """What the first option is for a direction, if there is something to choose."""
        return [direction] if self.translates else [AUTO] if self.takes_any else []


LIVE = "live"
"""The key of the Live tab, and the id of its panel. It has no job and no transcript of its own."""
TABS = (
    Tab("diarize", ("diarize",), "diarize", (Example("call_appointment", "diarize"), Example("call_order", "diarize"))),
    Tab(
        "translate",
        ("en2ja", "ja2en"),
        "translate",
        (Example("english_travel", "en2ja"), Example("japanese_travel", "ja2en")),
    ),
    Tab(
        "portuguese",
        ("pt",),
        "transcribe_portuguese",
        (Example("portuguese_daily", "pt"), Example("portuguese_shopping", "pt")),
    ),
    Tab(
        "any",
        ("transcribe",),
        "transcribe",
        (Example("three_languages", "transcribe"), Example("japanese_travel", "transcribe")),
    ),
)
