"""The languages of Qwen3-ASR and of its forced aligner, and the names and codes by which a user may call them.

Sources: SUPPORTED_LANGUAGES in qwen-asr 0.0.6 (inference/utils.py), and the model cards of Qwen3-ASR-1.7B and
Qwen3-ForcedAligner-0.6B. Codes are those of ISO 639-1, or of ISO 639-3 where there is none.
"""

from __future__ import annotations

from kikitori.errors import TaskError

CODES = {
    "Arabic": "ar",
    "Cantonese": "yue",
    "Chinese": "zh",
    "Czech": "cs",
    "Danish": "da",
    "Dutch": "nl",
    "English": "en",
    "Filipino": "fil",
    "Finnish": "fi",
    "French": "fr",
    "German": "de",
    "Greek": "el",
    "Hindi": "hi",
    "Hungarian": "hu",
    "Indonesian": "id",
    "Italian": "it",
    "Japanese": "ja",
    "Korean": "ko",
    "Macedonian": "mk",
    "Malay": "ms",
    "Persian": "fa",
    "Polish": "pl",
    "Portuguese": "pt",
    "Romanian": "ro",
    "Russian": "ru",
    "Spanish": "es",
    "Swedish": "sv",
    "Thai": "th",
    "Turkish": "tr",
    "Vietnamese": "vi",
}
"""English name, as the model writes it -> ISO code."""

UNSPACED = frozenset({"Cantonese", "Chinese", "Japanese", "Thai"})
"""The languages that are written without spaces between words. Their texts are counted in characters."""

ALIGNABLE = (
    *("Cantonese", "Chinese", "English", "French", "German", "Italian"),
    *("Japanese", "Korean", "Portuguese", "Russian", "Spanish"),
)
"""The languages of the forced aligner."""

OWN_NAMES = {
    "Arabic": "العربية",
    "Cantonese": "粵語",
    "Chinese": "中文",
    "Czech": "Čeština",
    "Danish": "Dansk",
    "Dutch": "Nederlands",
    "English": "English",
    "Filipino": "Filipino",
    "Finnish": "Suomi",
    "French": "Français",
    "German": "Deutsch",
    "Greek": "Ελληνικά",
    "Hindi": "हिन्दी",
    "Hungarian": "Magyar",
    "Indonesian": "Bahasa Indonesia",
    "Italian": "Italiano",
    "Japanese": "日本語",
    "Korean": "한국어",
    "Macedonian": "Македонски",
    "Malay": "Bahasa Melayu",
    "Persian": "فارسی",
    "Polish": "Polski",
    "Portuguese": "Português",
    "Romanian": "Română",
    "Russian": "Русский",
    "Spanish": "Español",
    "Swedish": "Svenska",
    "Thai": "ไทย",
    "Turkish": "Türkçe",
    "Vietnamese": "Tiếng Việt",
}
"""English name -> the language's own name, for menus."""

AUTO = "auto"
"""What a user writes to have the language detected."""

SHOWN_CHARACTERS = 100
"""Of a name in an error's sentence."""

_BY_NAME = {name.lower(): name for name in CODES} | {code: name for name, code in CODES.items()}
# Other names in use.
_BY_NAME |= {"mandarin": "Chinese", "cmn": "Chinese", "farsi": "Persian", "tagalog": "Filipino", "tl": "Filipino"}


def find_language(text: str) -> str | None:
    """Return the English name of a language, given by name or ISO code in any case; None for `auto`.

    A code may have a region or script after it, as in pt-BR. Raises TaskError, which lists the languages.
    """
    if not isinstance(text, str):
        raise TaskError("unknown_language", name=repr(text)[:SHOWN_CHARACTERS], choices=", ".join(CODES))
    wanted = text.strip().lower().replace("_", "-")
    if wanted == AUTO:
        return None
    name = _BY_NAME.get(wanted) or _BY_NAME.get(wanted.partition("-")[0])
    if name is None:
        raise TaskError("unknown_language", name=repr(text[:SHOWN_CHARACTERS]), choices=", ".join(CODES))
    return name
