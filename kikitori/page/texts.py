"""What the page says in English, Japanese and Portuguese (page/languages/); the browser's language chooses.

`interface` is what Gradio's own components show, `view` what page.js does. `warnings` go by their kinds and `errors` by
their templates (`SpeechError.template`); in English they are the sentences that Python writes.
"""

from __future__ import annotations

import json
from pathlib import Path

PREFIX = "speech_"
"""Gradio reads a key that equals one of its own as that one."""
TEXTS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "languages").glob("*.json"))
}
TASK_NAMES = {"en2ja": "English → 日本語", "ja2en": "日本語 → English"}
"""Each language in itself: Gradio translates no choices."""


def translations() -> dict[str, dict[str, str]]:
    """The keyword arguments of `gr.I18n`."""
    return {tag: {PREFIX + key: text for key, text in texts["interface"].items()} for tag, texts in TEXTS.items()}


def view_texts_script() -> str:
    """JavaScript that makes what the view says known to page.js."""
    said = {
        tag: texts["view"] | {"warnings": texts["warnings"], "errors": texts["errors"]} for tag, texts in TEXTS.items()
    }
    return f"window.speechTexts = {json.dumps(said, ensure_ascii=False)};"
