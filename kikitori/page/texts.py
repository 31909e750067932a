"""The page's texts in English, Japanese and the Portuguese of Brazil and of Portugal; the browser's language chooses.

`interface` holds the texts of Gradio's components, `view` those of static/, `errors` and `warnings` the sentences by
code and kind. An English error that is not there is shown as Python writes it.
"""

from __future__ import annotations

import json
from pathlib import Path

from kikitori.cli.attempt import INCOMPLETE
from kikitori.languages import CODES
from kikitori.output.subtitles import LINE_COUNT, MAX_MILLISECONDS, OTHER, STYLES, Style
from kikitori.page.tab import LIVE, TABS

PREFIX = "speech_"
"""Gradio would take a key that equals one of its own for that one."""
TEXTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "languages").glob("*.json"))
}
GRADIO_TAGS = {"pt-PT": "pt"}
"""Gradio takes a browser's language as it is or without its region, and knows `pt` and `pt-BR`."""
TASK_NAMES = {"en2ja": "English → 日本語", "ja2en": "日本語 → English"}
"""Each language in its own name, because Gradio does not translate choices."""


def translations() -> dict[str, dict[str, str]]:
    """Return the keyword arguments of `gr.I18n`."""
    return {
        GRADIO_TAGS.get(tag, tag): {PREFIX + key: text for key, text in texts["interface"].items()}
        for tag, texts in TEXTS.items()
    }


def texts_of_view() -> dict[str, dict]:
    """Return the texts that static/i18n.js shows, by language, each with what is the same in all of them."""
    styles = {language: _style(style) for language, style in STYLES.items()}
    shared = {"tags": CODES, "styles": styles, "other_style": _style(OTHER), "incomplete": sorted(INCOMPLETE)}
    return {
        tag: texts["view"]
        | {"warnings": texts["warnings"], "errors": texts["errors"], "tabs": _tabs(texts["interface"])}
        | shared
        for tag, texts in TEXTS.items()
    }


def _tabs(texts: dict[str, str]) -> dict[str, dict]:
    """Return the id of each tab's panel, its name, and its directions. The Live tab shows no transcripts."""
    return {
        tab.key: {"panel": tab.endpoint, "name": texts[f"{tab.key}_tab"], "directions": tab.directions} for tab in TABS
    } | {LIVE: {"panel": LIVE, "name": texts[f"{LIVE}_tab"], "directions": ()}}


def _style(style: Style) -> dict[str, float]:
    """Return a style of subtitles as static/subtitles.js takes it."""
    return style._asdict() | {"lines": LINE_COUNT, "seconds": MAX_MILLISECONDS / 1000}
