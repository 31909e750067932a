"""The page's words in each of its languages, in headless Chromium."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from kikitori.page.texts import TEXTS
from tests.support.browser import clear_files, shown_panel, speakers, upload, visit, wait_for_end, words
from tests.support.recordings import example

SHORT = {
    "en": "short.wav is 0.05 s long; the shortest that can be transcribed is 0.1 s: record a longer one",
    "ja": "short.wav の長さは 0.05 秒 です。文字起こしには 0.1 秒 以上が必要です。もっと長い音声を使ってください。",
    "pt-BR": "short.wav dura 0,05 s; o mínimo que se pode transcrever é 0,1 s: grave durante mais tempo",
    "pt-PT": "short.wav dura 0,05 s; o mínimo que se pode transcrever é 0,1 s: grave durante mais tempo",
}
SILENT = {
    "en": "silent.wav is silent (peak: zero; speech needs more than -60 dBFS): check the microphone or raise the "
    "volume",
    "ja": "silent.wav は無音です（最大音量：ゼロ、話し声には -60 dBFS より大きい音が必要です）。"
    "マイクを確認するか、音量を上げてください。",
    "pt-BR": "silent.wav está em silêncio (pico: zero); a fala precisa de mais de -60 dBFS: verifique o microfone ou "
    "aumente o volume",
    "pt-PT": "silent.wav está em silêncio (pico: zero); a fala precisa de mais de -60 dBFS: verifique o microfone ou "
    "aumente o volume",
}
SHOWN_TEXT = "document.body.innerText.trim()"
SPEAKERS = {
    "en": ["Speaker 1", "Speaker 2"],
    "ja": ["話者1", "話者2"],
    "pt-BR": ["Falante 1", "Falante 2"],
    "pt-PT": ["Falante 1", "Falante 2"],
}


@pytest.mark.parametrize("tag", TEXTS)
def test_the_page_speaks_the_language_of_the_browser(browser, server, tmp_path, tag):
    """Title, tabs, examples, speakers, an error with numbers, and a file of a wrong type."""
    texts, view = TEXTS[tag]["interface"], TEXTS[tag]["view"]
    soundfile.write(tmp_path / "short.wav", np.full(800, 0.1), 16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(48000), 16000)
    (tmp_path / "notes.txt").write_text("this is no sound")
    with visit(browser, server, locale=tag) as page:
        expect(page).to_have_title(view["document_title"])
        panel = shown_panel(page)
        panel.get_by_role("button", name=view["example_call_order"]).click()
        assert words(panel) == [turn.text for turn in example("call_order").turns]
        assert sorted(set(speakers(panel))) == SPEAKERS[tag]
        names = panel.locator(".tools .name input").evaluate_all("names => names.map(name => name.value)")
        assert sorted(names) == SPEAKERS[tag]
        assert panel.get_by_role("button", name=view["undo"], exact=True).is_visible()
        assert "spk_" not in page.content().split("<body")[1]
        page.get_by_role("tab", name=texts["portuguese_tab"], exact=True).click()
        expect(panel).to_contain_text(texts["portuguese_hint"])
        upload(panel, tmp_path / "short.wav", tmp_path / "silent.wav")
        panel.get_by_role("button", name=texts["transcribe"], exact=True).click()
        expect(panel.get_by_role("alert").locator("div")).to_have_text([SHORT[tag], SILENT[tag]])
        clear_files(panel)
        panel.locator(".block.files input[type=file]").set_input_files(tmp_path / "notes.txt")
        expect(page.locator(".speech-toast")).to_have_text(f"notes.txt: {view['wrong_type']}")


@pytest.mark.parametrize(
    ("tag", "rates"),
    [
        ("en", "2 of 7 words differ (word error rate 28.6%)"),
        ("pt-BR", "2 de 7 palavras diferem (taxa de erro por palavra: 28,6%)"),
    ],
)
def test_the_score_is_a_card_that_ignores_case_and_punctuation_and_is_printed_alone(browser, server, tag, rates):
    texts, view = TEXTS[tag]["interface"], TEXTS[tag]["view"]
    with visit(browser, server, locale=tag) as page:
        page.get_by_role("tab", name=texts["portuguese_tab"], exact=True).click()
        panel = shown_panel(page)
        panel.get_by_role("button", name=view["example_portuguese_shopping"]).click()
        assert words(panel) == ["Eu queria três quilos de laranja."]
        wait_for_end(panel)
        panel.get_by_label(texts["reference"]).fill("eu queria três quilos da laranja doce")
        panel.get_by_role("button", name=texts["compare_now"], exact=True).click()
        expect(panel.locator(".score")).to_have_text(view["score"].format("71%"))
        expect(panel.locator(".rates")).to_contain_text(rates)
        expect(panel.locator(".differences li")).to_have_text(["de → da", f"{view['nothing_written']} → doce"])
        expect(panel.locator(".compared")).to_have_text("Eu queria três quilos de da laranja. doce")
        page.evaluate(f"window.print = () => (window.printed = {SHOWN_TEXT})")
        page.emulate_media(media="print")
        panel.get_by_role("button", name=view["print"]).dispatch_event("click")
        printed = page.evaluate("window.printed")
        assert printed.startswith("portuguese_shopping.flac") and "de → da" in printed
        page.emulate_media(media="screen")
        panel.get_by_label(view["lenient"]).uncheck()
        expect(panel.locator(".score")).to_have_text(view["score"].format("42%"))
        expect(panel.locator(".differences li").first).to_have_text("Eu → eu")
