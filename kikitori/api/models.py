"""The names by which a client can choose a model, and the direction that each stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kikitori.errors import RequestError, TaskError
from kikitori.languages import AUTO, SHOWN_CHARACTERS, find_language
from kikitori.tasks import TASKS, Checkpoint, get_task

WHISPER = "whisper-1"
"""What old clients ask for."""
ENGLISH = "ja2en"
"""The direction that writes English, as OpenAI's translations do."""

Models = dict[str, tuple[str, ...]]
"""Name -> directions."""


def served_models(checkpoints: Mapping[str, Checkpoint]) -> Models:
    """Return the models of a server: its directions, whisper-1, and the checkpoints that have one role each."""
    models = {name: (name,) for name in TASKS} | {WHISPER: ("transcribe",)}
    roles = {task.role for task in TASKS.values()}
    names = [checkpoints[role].name for role in roles]
    for role in roles:
        name = checkpoints[role].name
        if names.count(name) == 1:
            models.setdefault(name, tuple(task.name for task in TASKS.values() if task.role == role))
    return models


def choose_direction(models: Models, name: str, language: str = "") -> str:
    """Return the direction of a model. language: what is spoken, as `find_language` takes it; empty if not given.

    Raises RequestError for a model that does not exist, and TaskError for another language than the direction's.
    """
    if name not in models:
        raise RequestError("unknown_model", name=repr(name[:SHOWN_CHARACTERS]), choices=", ".join(sorted(models)))
    spoken = find_language(language or AUTO)
    fitting = [direction for direction in models[name] if _takes(direction, spoken)]
    if not fitting:
        raise TaskError("fixed_language", direction=models[name][0])
    if len(fitting) > 1:
        raise RequestError("several_directions", name=name, choices=" or ".join(fitting))
    return fitting[0]


def translating(models: Models) -> list[str]:
    """The models that translations, which are English, can be made with."""
    return [name for name, directions in models.items() if name == WHISPER or ENGLISH in directions]


def choose_translation(models: Models, name: str) -> str:
    """Return the direction that a model has for translations. Raises RequestError."""
    if name in translating(models):
        return ENGLISH
    if name in models:
        raise RequestError("not_english", name=name)
    return choose_direction(models, name)


def model_records(names: Iterable[str]) -> list[dict]:
    """The models as OpenAI's API describes them. Nobody knows when they were made."""
    return [{"id": name, "object": "model", "created": 0, "owned_by": _owner(name)} for name in names]


def _takes(direction: str, spoken: str | None) -> bool:
    task = get_task(direction)
    return task.takes_any or spoken in (None, task.spoken)


def _owner(name: str) -> str:
    owner, slash, _ = name.partition("/")
    return owner if slash else "kikitori"
