"""The page's player, as tests look at it."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

from tests.support.browser import VIEW_OF

PLAYER = f"({VIEW_OF})().player"
"""JavaScript: the player of the open tab."""
PART = f"{PLAYER}.timeline.part"
"""JavaScript: the part of the recording that its timeline shows, with `from` and `span` in seconds."""


def is_playing(page: Page) -> bool:
    """Whether the recording plays."""
    return page.evaluate(f"{PLAYER}.isPlaying")


def slider(panel: Locator) -> Locator:
    """The timeline."""
    return panel.get_by_role("slider", name="Playback position")


def place_of(page: Page, panel: Locator, seconds: float) -> tuple[float, float]:
    """Where a time lies on the timeline, in pixels of the window."""
    slider(panel).scroll_into_view_if_needed()
    box, part = slider(panel).bounding_box(), page.evaluate(PART)
    return box["x"] + box["width"] * (seconds - part["from"]) / part["span"], box["y"] + 5
