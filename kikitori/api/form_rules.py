"""What the fields of a form may be together, as JSON schema.

The rules about models and languages are found by asking the functions that choose a direction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from kikitori.api.models import Models, choose_direction
from kikitori.errors import SpeechError
from kikitori.languages import AUTO, CODES
from kikitori.tasks import check_alignable, choose_task, get_task
from kikitori.text.context import MAX_CONTEXT_CHARACTERS
from kikitori.text.tags import TOKEN

LANGUAGES = ("", AUTO, *CODES.values(), *CODES)
"""What `language` may be. Not listed: other cases, and codes with a region or script after them."""
PROMPT = {"maxLength": MAX_CONTEXT_CHARACTERS, "not": {"pattern": TOKEN.pattern}}
UNSTREAMED = {"stream": {"const": False}}
NO_WORDS = {"timestamp_granularities[]": {"items": {"const": "segment"}}}
NO_LISTS = {"timestamp_granularities[]": {"maxItems": 0}, "include[]": {"maxItems": 0}}


def rules(models: Models) -> list[dict]:
    """What a form of /v1/audio/transcriptions must satisfy besides the schemas of its fields."""
    return [{"anyOf": _formats(models)}, {"anyOf": _languages(models)}]


def _formats(models: Models) -> list[dict]:
    """What each response format can be asked for with."""
    calls = [name for name, directions in models.items() if any(get_task(one).has_speakers for one in directions)]
    no_times = {"timestamp_granularities[]": NO_LISTS["timestamp_granularities[]"]}
    return [
        _form({"response_format": {"enum": ["json", "text"]}} | NO_LISTS),
        _form({"response_format": {"const": "json"}} | UNSTREAMED | no_times),
        _form({"response_format": {"enum": ["srt", "vtt"]}} | UNSTREAMED | NO_LISTS, "response_format"),
        _form(
            {"response_format": {"const": "verbose_json"}} | UNSTREAMED | {"include[]": {"maxItems": 0}},
            "response_format",
        ),
        _form({"response_format": {"const": "diarized_json"}, "model": {"enum": calls}} | NO_LISTS, "response_format"),
    ]


def _languages(models: Models) -> list[dict]:
    """What each model can be told about the language, and with which languages it can measure words."""
    names_by_languages: dict[tuple, list[str]] = defaultdict(list)
    for name in models:
        taken = _without_error(LANGUAGES, lambda language, name=name: choose_direction(models, name, language))
        aligned = _without_error(taken, lambda language, name=name: _check_words(models, name, language))
        names_by_languages[taken, aligned].append(name)
    found = []
    for (taken, aligned), names in names_by_languages.items():
        needed = () if "" in taken else ("language",)
        chosen = {"model": {"enum": names}}
        found.append(_form(chosen | {"language": {"enum": list(taken)}} | NO_WORDS, *needed))
        if aligned:
            found.append(_form(chosen | {"language": {"enum": list(aligned)}}, *needed))
    return found


def _check_words(models: Models, name: str, language: str) -> None:
    direction = choose_direction(models, name, language)
    check_alignable(choose_task(direction, language or AUTO) if get_task(direction).takes_any else get_task(direction))


def _without_error(languages: Iterable[str], check: Callable[[str], object]) -> tuple[str, ...]:
    """Those that a check lets through."""
    return tuple(language for language in languages if _passes(check, language))


def _passes(check: Callable[[str], object], language: str) -> bool:
    try:
        check(language)
    except SpeechError:
        return False
    return True


def _form(properties: dict, *required: str) -> dict:
    return {"properties": properties} | ({"required": list(required)} if required else {})
