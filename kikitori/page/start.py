"""The start of a tab: what a visitor chooses before a job. It makes room for the transcript (static/layout.css).

Gradio components appear here, in tabs.py, in handlers.py and in gradio_guards.py only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kikitori.page.gradio_guards import refuse_addresses  # isort: skip, sets what Gradio reads when imported
import gradio as gr

from kikitori.audio.files import known_seconds
from kikitori.languages import AUTO, OWN_NAMES
from kikitori.page.tab import Example, Tab
from kikitori.page.texts import PREFIX, TASK_NAMES, translations
from kikitori.tasks import PACKAGE

EXAMPLES = PACKAGE / "examples" if (PACKAGE / "examples").is_dir() else PACKAGE.parent / "examples"
"""Inside an installed package, or next to the package in a clone."""
FILLED_BY_SCRIPT = {"html_template": "<div></div>", "apply_default_css": False}
"""Of components whose content static/ makes: Gradio must neither render nor style it."""
I18N = gr.I18n(**translations())


@dataclass(frozen=True)
class Start:
    """What a visitor chooses. microphone, files: the recordings."""

    microphone: gr.Audio
    files: gr.File
    options: list[gr.components.Component]


def text(key: str):
    """A text of languages/ in the language of the visitor's browser."""
    return I18N(PREFIX + key)


def build_start(tab: Tab) -> Start:
    """Build the start of a tab."""
    with gr.Column(elem_classes="start"):
        gr.Markdown(text(f"{tab.key}_hint"), elem_classes="hint")
        first = build_first_option(tab)
        with gr.Row(equal_height=True):
            files = gr.File(
                file_count="multiple",
                file_types=["audio", "video"],
                label=text("recordings"),
                height=180,
                scale=3,
                min_width=280,
                elem_classes="files",
            )
            microphone = gr.Audio(
                sources=["microphone"],
                type="filepath",
                label=text("record"),
                buttons=[],
                scale=2,
                min_width=240,
                elem_classes="microphone",
            )
        plain = gr.Checkbox(label=text("source" if tab.translates else "align"), container=False)
        with gr.Accordion(text("options"), open=False):
            texts = [gr.Textbox("", label=text(key), lines=2) for key in ("context", "replace")]
    # Programs may leave out the last ones.
    return Start(refuse_addresses(microphone), refuse_addresses(files), [*first, plain, *texts])


def build_examples(tab: Tab, start: Start) -> None:
    """Build the examples of a tab."""
    gr.HTML(
        [to_example(example, start.files) for example in tab.examples],
        js_on_load="speechPage.mountExamples(element, props)",
        elem_classes="examples",
        **FILLED_BY_SCRIPT,
    )


def build_first_option(tab: Tab) -> list[gr.components.Component]:
    """Build the choice of a direction or of a language, if there is one."""
    if tab.translates:
        choices = [(TASK_NAMES[name], name) for name in tab.directions]
        return [gr.Radio(choices, value=tab.directions[0], label=text("direction"))]
    if tab.takes_any:
        # Programs may send codes, which are no choices.
        return [gr.Dropdown(language_choices(), value=AUTO, allow_custom_value=True, label=text("language"))]
    return []


def language_choices() -> list[tuple[str, str]]:
    """The languages by their own and their English names, which can be searched, after the choice to detect them."""
    named = {name: own if own == name else f"{own} · {name}" for name, own in sorted(OWN_NAMES.items())}
    return [("Auto", AUTO), *((label, name) for name, label in named.items())]


def direction_choices() -> list[tuple[str, str]]:
    """The directions of the Live tab; those without a name of their own have that of their tab."""
    return [(TASK_NAMES.get(name, ""), name) for name in ("transcribe", "pt", "en2ja", "ja2en", "diarize")]


def example_path(name: str) -> Path:
    """The file of an example."""
    return EXAMPLES / f"{name}.flac"


def to_example(example: Example, files: gr.File) -> dict:
    """What static/examples.js shows and sends. The file is kept where uploads are, so that it may be sent as one."""
    path = example_path(example.name)
    kept = files.move_resource_to_block_cache(path)
    files.keep_in_cache.add(kept)
    return {"name": example.name, "direction": example.direction, "seconds": known_seconds(path), "path": kept}
