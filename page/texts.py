"""The interface's texts in English, Japanese and Portuguese; the browser's language chooses."""

from __future__ import annotations

import json

PREFIX = "speech_"
"""Gradio reads a key that equals one of its own as that one."""

ENGLISH = {
    "title": "# Speech to text\nCalls with speakers · English ↔ Japanese · Portuguese",
    "tiny": "**The tiny embedded model answers.** It knows some hundreds of words in synthetic voices, and shows how "
    "the tool works; it says nothing about the quality of the real checkpoints.",
    "diarize_tab": "Diarized Japanese",
    "translate_tab": "English ↔ Japanese",
    "portuguese_tab": "Portuguese",
    "diarize_hint": "A Japanese phone call becomes a transcript with a tag at each speaker's turn.",
    "translate_hint": "Speech in one language becomes text in the other.",
    "portuguese_hint": "Portuguese speech becomes text with capitals and punctuation.",
    "recording": "Recording",
    "several": "Several files, or videos",
    "direction": "Direction",
    "options": "Options",
    "align": "Measure when each word is said (forced aligner)",
    "source": "Show what was said beside the translation",
    "compare": "Compare with a reference",
    "reference": "What was read aloud, as it should be written",
    "translate_call": "Translate this call into English",
    "transcribe": "Transcribe",
    "translate": "Translate",
    "stop": "Stop",
    "examples": "Examples, made by this project and free to use",
}
JAPANESE = {
    "title": "# 音声を文字に\n話者つきの通話 · 英語 ↔ 日本語 · ポルトガル語",
    "tiny": "**内蔵の小さなモデルが答えます。** 合成音声の数百語だけを知っており、道具の動きを見せるためのものです。"
    "実際のモデルの品質を示すものではありません。",
    "diarize_tab": "日本語の通話(話者つき)",
    "translate_tab": "英語 ↔ 日本語",
    "portuguese_tab": "ポルトガル語",
    "diarize_hint": "日本語の通話を、話者が替わるところに印のついた文字にします。",
    "translate_hint": "一方の言語の音声を、もう一方の言語の文字にします。",
    "portuguese_hint": "ポルトガル語の音声を、大文字と句読点のある文字にします。",
    "recording": "録音",
    "several": "複数のファイル・動画",
    "direction": "方向",
    "options": "設定",
    "align": "語ごとの時刻を測る(強制アライナー)",
    "source": "訳の横に元の発言を示す",
    "compare": "正解と比べる",
    "reference": "読み上げた文章(正しい書き方で)",
    "translate_call": "この通話を英語に訳す",
    "transcribe": "文字にする",
    "translate": "翻訳する",
    "stop": "止める",
    "examples": "例(このプロジェクトが作ったもので、自由に使えます)",
}
PORTUGUESE = {
    "title": "# Fala em texto\nChamadas com falantes · inglês ↔ japonês · português",
    "tiny": "**Quem responde é o pequeno modelo embutido.** Conhece algumas centenas de palavras em vozes sintéticas e "
    "mostra como a ferramenta funciona; nada diz da qualidade dos modelos reais.",
    "diarize_tab": "Japonês com falantes",
    "translate_tab": "Inglês ↔ japonês",
    "portuguese_tab": "Português",
    "diarize_hint": "Uma chamada em japonês torna-se um texto com uma marca em cada vez de falar.",
    "translate_hint": "A fala numa língua torna-se texto na outra.",
    "portuguese_hint": "A fala em português torna-se texto com maiúsculas e pontuação.",
    "recording": "Gravação",
    "several": "Vários ficheiros, ou vídeos",
    "direction": "Direção",
    "options": "Opções",
    "align": "Medir quando cada palavra é dita (alinhador forçado)",
    "source": "Mostrar o que foi dito ao lado da tradução",
    "compare": "Comparar com uma referência",
    "reference": "O que foi lido em voz alta, como se deve escrever",
    "translate_call": "Traduzir esta chamada para inglês",
    "transcribe": "Transcrever",
    "translate": "Traduzir",
    "stop": "Parar",
    "examples": "Exemplos, feitos por este projeto e de uso livre",
}
LANGUAGES = {"en": ENGLISH, "ja": JAPANESE, "pt": PORTUGUESE}
"""What Gradio's own components show."""

VIEW = {
    "en": {
        "empty": "The text appears here.",
        "recording": "Recording",
        "player": "The recording",
        "timeline": "Who speaks when",
        "turns": "Transcript",
        "edit": "Edit",
        "copy": "Copy",
        "copied": "Copied",
        "save": "Save {0}",
        "rename": "Name of {0}; another speaker's name makes the two one",
        "speaker": "Speaker of this row",
        "words": "Text of this row",
        "play": "Play from {0}",
        "estimated": "Estimated from the length of the text",
        "of": "{0} of {1}",
        "left": "about {0} left",
        "waiting": "Waiting for the first words",
        "doubt": "The model was unsure of this",
        "words_wrong": "WER {0}: {1} of {2} words differ",
        "characters_wrong": "CER {0}: {1} of {2} characters",
    },
    "ja": {
        "empty": "ここに文字が出ます。",
        "recording": "録音",
        "player": "録音",
        "timeline": "誰がいつ話すか",
        "turns": "書き起こし",
        "edit": "直す",
        "copy": "コピー",
        "copied": "コピーしました",
        "save": "{0} を保存",
        "rename": "{0} の名前。ほかの話者と同じ名前にすると一人にまとまります",
        "speaker": "この行の話者",
        "words": "この行の文",
        "play": "{0} から再生",
        "estimated": "文の長さから推定した時刻",
        "of": "{1} のうち {0}",
        "left": "残り約 {0}",
        "waiting": "最初の言葉を待っています",
        "doubt": "モデルに自信のないところ",
        "words_wrong": "WER {0}: {2} 語のうち {1} 語が違います",
        "characters_wrong": "CER {0}: {2} 字のうち {1} 字",
    },
    "pt": {
        "empty": "O texto aparece aqui.",
        "recording": "Gravação",
        "player": "A gravação",
        "timeline": "Quem fala quando",
        "turns": "Transcrição",
        "edit": "Editar",
        "copy": "Copiar",
        "copied": "Copiado",
        "save": "Guardar {0}",
        "rename": "Nome de {0}; o nome de outro falante junta os dois",
        "speaker": "Falante desta linha",
        "words": "Texto desta linha",
        "play": "Tocar a partir de {0}",
        "estimated": "Estimado pelo comprimento do texto",
        "of": "{0} de {1}",
        "left": "faltam cerca de {0}",
        "waiting": "À espera das primeiras palavras",
        "doubt": "O modelo não tinha certeza disto",
        "words_wrong": "WER {0}: {1} de {2} palavras diferem",
        "characters_wrong": "CER {0}: {1} de {2} caracteres",
    },
}
"""What the view of a transcript shows."""


def translations() -> dict[str, dict[str, str]]:
    """The keyword arguments of `gr.I18n`."""
    return {tag: {PREFIX + key: text for key, text in texts.items()} for tag, texts in LANGUAGES.items()}


def view_texts_script() -> str:
    """JavaScript that makes `VIEW` known to page.js."""
    return f"window.speechTexts = {json.dumps(VIEW, ensure_ascii=False)};"
