"""The page's texts, in every language."""

from __future__ import annotations

import ast
from string import Formatter

import pytest

from benchmarks.served import ROOT
from kikitori.errors import SENTENCES
from kikitori.languages import CODES
from kikitori.page.script import MODULES, STATIC, join_modules
from kikitori.page.texts import TEXTS, texts_of_view
from kikitori.text.faults import FAULTS

TRANSLATED = sorted(set(TEXTS) - {"en"})


def places(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def warning_kinds() -> set[str]:
    """The kinds in the code: the first arguments of TranscriptWarning, and the faults."""
    trees = [ast.parse(path.read_text("utf-8")) for path in (ROOT / "kikitori").rglob("*.py")]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    made = [call.args[0] for call in calls if isinstance(call.func, ast.Name) and call.func.id == "TranscriptWarning"]
    return {kind.value for kind in made if isinstance(kind, ast.Constant)} | FAULTS.keys()


def test_there_are_three_languages():
    assert sorted(TEXTS) == ["en", "ja", "pt"]


@pytest.mark.parametrize("tag", TRANSLATED)
@pytest.mark.parametrize("part", ["interface", "view"])
def test_every_text_is_translated_with_its_places(tag, part):
    assert TEXTS[tag][part].keys() == TEXTS["en"][part].keys()
    for key, text in TEXTS["en"][part].items():
        assert places(TEXTS[tag][part][key]) == places(text), key


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_error_is_translated_with_its_places(tag):
    assert TEXTS[tag]["errors"].keys() == SENTENCES.keys()
    for code, sentence in SENTENCES.items():
        assert places(TEXTS[tag]["errors"][code]) == places(sentence), code


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_warning_is_translated(tag):
    assert TEXTS[tag]["warnings"].keys() == warning_kinds()


def test_all_modules_of_the_script_are_joined():
    assert sorted(MODULES) == sorted(path.name for path in STATIC.glob("*.js"))
    lines = join_modules().splitlines()
    assert [line for line in lines if line.startswith(("import ", "export "))] == []


def test_the_page_knows_the_tag_of_every_language():
    assert all(texts["tags"] == CODES for texts in texts_of_view().values()) and len(CODES) == 30
