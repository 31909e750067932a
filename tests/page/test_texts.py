"""The page's texts, in every language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from string import Formatter

import pytest

from benchmarks.served import ROOT
from kikitori.errors import SENTENCES
from kikitori.languages import CODES
from kikitori.page.script import MODULES, STATIC, STYLES, join_modules
from kikitori.page.texts import TEXTS, texts_of_view, translations
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


def all_texts(texts: dict) -> Iterator[tuple[str, str]]:
    return (text for part in texts.values() for text in part.items())


def test_there_are_four_languages_and_gradio_finds_each():
    assert sorted(TEXTS) == ["en", "ja", "pt-BR", "pt-PT"]
    assert sorted(translations()) == ["en", "ja", "pt", "pt-BR"]
    assert translations()["pt"]["speech_recordings"] == TEXTS["pt-PT"]["interface"]["recordings"]


@pytest.mark.parametrize("tag", TRANSLATED)
@pytest.mark.parametrize("part", ["interface", "view", "warnings"])
def test_every_text_is_translated_with_its_places(tag, part):
    assert list(TEXTS[tag][part]) == list(TEXTS["en"][part])
    for key, text in TEXTS["en"][part].items():
        assert places(TEXTS[tag][part][key]) == places(text), key


@pytest.mark.parametrize("tag", TRANSLATED)
def test_every_error_is_translated_with_its_places(tag):
    """All but the reason, which the system or a library gives in English."""
    assert TEXTS[tag]["errors"].keys() == SENTENCES.keys()
    for code, sentence in SENTENCES.items():
        assert places(TEXTS[tag]["errors"][code]) | {"why"} == places(sentence) | {"why"}, code


def test_an_english_error_of_the_page_has_the_places_of_pythons():
    for code, sentence in TEXTS["en"]["errors"].items():
        assert places(sentence) == places(SENTENCES[code]), code


@pytest.mark.slow
def test_every_warning_has_a_sentence():
    assert TEXTS["en"]["warnings"].keys() == warning_kinds()


@pytest.mark.parametrize("tag", TEXTS)
def test_no_text_has_words_of_the_code_or_spk_labels(tag):
    words = r"checkpoint|aligner|alinhador|window|endpoint|spk_|チェックポイント|アライナー|書き起こし"
    assert {key: text for key, text in all_texts(TEXTS[tag]) if re.search(words, text, re.IGNORECASE)} == {}


@pytest.mark.parametrize("tag", TEXTS)
def test_the_live_tab_names_its_buttons_as_they_are(tag):
    texts, view = TEXTS[tag]["interface"], TEXTS[tag]["view"]
    names = {view["live_start"], view["live_stop"], view["live_transcribe"], "{0}"}
    sentences = [texts["live_hint"], *(text for key, text in view.items() if key.startswith("live_"))]
    assert {name for text in sentences for name in re.findall("[“「]([^?]+?)[”」]", text)} == names


def test_japanese_texts_have_full_width_brackets():
    assert {key: text for key, text in all_texts(TEXTS["ja"]) if re.search(r"[()]", text)} == {}


def test_the_two_kinds_of_portuguese_do_not_mix():
    brazilian = r"arquivo|registro|controle\b|salve|salvar|detectado|está sendo|conexão|caractere\b|idioma"
    european = r"ficheiro|registo|controlo|guarde|guardar|detetado|está a ser|ligação|carácter|telemóvel|língua"
    for tag, other in (("pt-BR", european), ("pt-PT", brazilian)):
        assert {key: text for key, text in all_texts(TEXTS[tag]) if re.search(other, text, re.IGNORECASE)} == {}


def test_all_modules_of_the_script_are_joined():
    assert sorted(MODULES) == sorted(path.name for path in STATIC.glob("*.js"))
    lines = join_modules().splitlines()
    assert [line for line in lines if line.startswith(("import ", "export "))] == []


def test_all_style_sheets_are_used():
    assert sorted(STYLES) == sorted(STATIC.glob("*.css"))


def test_the_page_knows_the_tag_of_every_language():
    assert all(texts["tags"] == CODES for texts in texts_of_view().values()) and len(CODES) == 30


def test_no_two_modules_of_the_script_declare_the_same_name():
    """They are joined into one scope, where a second declaration would end the whole script."""
    declared = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", script_at_top_level(), flags=re.MULTILINE)
    assert len(declared) > 100
    assert sorted(declared) == sorted(set(declared))


def script_at_top_level() -> str:
    """The lines of the joined script that belong to no block: they are not indented."""
    return "\n".join(line for line in join_modules().splitlines() if not line.startswith(" "))
