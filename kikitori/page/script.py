"""The page's script and style sheets in static/. The script is its ES modules, joined at start-up.

Gradio mounts its components as soon as the scripts in the page's head have run. It does not wait for
`<script type="module">`, so the modules become one classic script.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from kikitori.page.texts import texts_of_view

STATIC = Path(__file__).parent / "static"
MODULES = (
    "dom.js",
    "i18n.js",
    "icons.js",
    "message.js",
    "file_names.js",
    "comparison.js",
    "session.js",
    "tabs.js",
    "toast.js",
    "uploads.js",
    "file_box.js",
    "offers.js",
    "examples.js",
    "sheet.js",
    "spoken.js",
    "splitting.js",
    "history.js",
    "caret.js",
    "sounds.js",
    "panel.js",
    "edges.js",
    "zoom.js",
    "outline.js",
    "gestures.js",
    "timeline.js",
    "zoom_controls.js",
    "player.js",
    "following.js",
    "menu.js",
    "downloads.js",
    "subtitles.js",
    "parts.js",
    "row.js",
    "editor.js",
    "finder.js",
    "shortcuts.js",
    "tools.js",
    "database.js",
    "store.js",
    "pcm.js",
    "live_store.js",
    "live_captions.js",
    "live_connection.js",
    "live_recording.js",
    "microphone.js",
    "live_watch.js",
    "project_file.js",
    "recordings.js",
    "keeping.js",
    "views.js",
    "projects.js",
    "reference.js",
    "view.js",
    "live_setup.js",
    "live_lines.js",
    "live_kept.js",
    "live.js",
    "gradio_fixes.js",
    "intake.js",
    "main.js",
)
"""Each after those that it imports."""
SHEETS = "colours layout messages start recordings player tools rows comparison live"
STYLES = tuple(STATIC / f"{name}.css" for name in SHEETS.split())
"""Gradio joins them in this order: of two rules that fit an element equally well, the later one counts."""


def join_modules() -> str:
    """Return the modules as one script. They share one scope, so that imports and exports fall away."""
    sources = [(STATIC / name).read_text(encoding="utf-8") for name in MODULES]
    bodies = [re.sub(r"^import [^;]+;\n|^export ", "", source, flags=re.MULTILINE) for source in sources]
    return "(() => {\n" + "\n".join(bodies) + "\n})();"


def page_head() -> str:
    """Return the script and its texts as part of the page's head."""
    texts = json.dumps(texts_of_view(), ensure_ascii=False).replace("<", "\\u003c")
    return f"<script>window.speechTexts = {texts};</script><script>{join_modules()}</script>"
