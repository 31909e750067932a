"""What the page says, in every language."""

from __future__ import annotations

import ast
from string import Formatter

import pytest

from benchmarks.served import ROOT
from kikitori.page.texts import TEXTS
from kikitori.text.faults import FAULTS

TRANSLATED = sorted(set(TEXTS) - {"en"})
TOLD_TO_VISITORS = [ROOT / "speech" / "audio.py", *(ROOT / "page").glob("*.py")]


def first_arguments(paths, names: set[str]) -> list[ast.expr]:
    """With what the classes of these names are called in the files."""
    calls = (
        node for path in paths for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    )
    named = (call for call in calls if isinstance(call.func, ast.Name) and call.func.id in names and call.args)
    return [call.args[0] for call in named]


def written(arguments: list[ast.expr]) -> set[str]:
    """Those that stand there as they are."""
    return {argument.value for argument in arguments if isinstance(argument, ast.Constant)}


def places(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def test_there_are_three_languages():
    assert sorted(TEXTS) == ["en", "ja", "pt"]


@pytest.mark.parametrize("tag", TRANSLATED)
@pytest.mark.parametrize("part", ["interface", "view"])
def test_every_text_is_there_with_its_places(tag, part):
    assert TEXTS[tag][part].keys() == TEXTS["en"][part].keys()
    for key, text in TEXTS["en"][part].items():
        assert places(TEXTS[tag][part][key]) == places(text), key


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_error_that_a_visitor_can_meet_is_translated(tag):
    classes = {"AudioError", "RefusedError", "SpeechError", "FaultError", "StoppingError"}
    arguments = first_arguments(TOLD_TO_VISITORS, classes)
    told = written(arguments)
    assert len(told) > 15
    composed = [ast.unparse(argument) for argument in arguments if not isinstance(argument, ast.Constant)]
    assert composed == []  # what is put together has no translation: its parts are values
    assert TEXTS[tag]["errors"].keys() == told
    for template, text in TEXTS[tag]["errors"].items():
        assert places(text) == places(template), template


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_warning_is_translated(tag):
    kinds = written(first_arguments((ROOT / "speech").glob("*.py"), {"TranscriptWarning"}))
    assert TEXTS[tag]["warnings"].keys() == kinds | FAULTS.keys()
