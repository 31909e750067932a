"""The five directions that a user can choose (a Task in the code), and the checkpoints they need by role.

A Task says what is spoken, what is written, by which checkpoint, in what windows. `transcribe` takes any language: it
is the one task that `in_language` gives a language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kikitori.errors import CheckpointError, TaskError
from kikitori.languages import ALIGNABLE, AUTO, find_language

PACKAGE = Path(__file__).resolve().parent
ASSETS = PACKAGE / "assets" if (PACKAGE / "assets").is_dir() else PACKAGE.parent / "assets"
"""The embedded checkpoints: inside an installed package, or next to the package in a clone."""

OVERLAP_SECONDS = 10.0
"""Windows of a call overlap by two or three turns, whose words show which label is whose."""


FORMATS = ("int8", "int4")
"""What weights can be quantised to: kikitori/model/quantised.py."""


@dataclass(frozen=True)
class Checkpoint:
    """Where weights come from: a repository on the Hugging Face hub, or a folder on this machine.

    window_seconds: the longest input it was trained on, if that is shorter than the task's window. weights: the format
    that the decoder's matrices get when they are loaded, one of FORMATS; empty to leave them as they are. urls: vLLM
    servers, some of which decode with it; none to load it into this process.
    """

    repo_id: str = ""
    revision: str = "main"
    folder: Path | None = None
    window_seconds: float | None = None
    weights: str = ""
    urls: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name shown on the page and kept in transcripts."""
        if self.folder is None:
            return self.repo_id
        return "tiny" if self.folder == TINY.folder else self.folder.name


@dataclass(frozen=True)
class Plan:
    """How a task's recordings are cut and parsed."""

    window_seconds: float
    overlap_seconds: float
    has_speakers: bool


@dataclass(frozen=True)
class Task:
    """One direction: what is spoken, what is written, and by which checkpoint.

    role: a key of CHECKPOINTS. language: the language of the *output*, because Qwen3-ASR is told what to write, not
    what it hears (translation card, "How Translation Direction Works"); None to detect it. spoken: the language of the
    *speech*; None if it is the same. window_seconds: the longest model input; longer recordings are cut. takes_any:
    whether `in_language` may change the language.
    """

    name: str
    label: str
    role: str
    language: str | None
    window_seconds: float
    has_speakers: bool = False
    translates: bool = False
    spoken: str | None = None
    takes_any: bool = False

    def __post_init__(self) -> None:
        """Fill in what is spoken: the language that is written, unless the task translates."""
        object.__setattr__(self, "spoken", self.spoken or self.language)

    def plan(self, checkpoint: Checkpoint) -> Plan:
        """How recordings are cut for a checkpoint."""
        seconds = min(self.window_seconds, checkpoint.window_seconds or self.window_seconds)
        return Plan(seconds, OVERLAP_SECONDS if self.has_speakers else 0.0, self.has_speakers)


BASES = {"1.7b": Checkpoint("Qwen/Qwen3-ASR-1.7B"), "0.6b": Checkpoint("Qwen/Qwen3-ASR-0.6B")}
"""Size -> the base model of that size."""

CHECKPOINTS = {
    "diarize": Checkpoint("okadahiroaki/Qwen3asr_diarization_projembed"),
    "translation": Checkpoint("voiceping-ai/qwen3-asr-ja-en-speech-translation"),
    "pt": Checkpoint("yuriyvnv/Qwen3-ASR-1.7B-PT"),
    "base": BASES["1.7b"],
    "aligner": Checkpoint("Qwen/Qwen3-ForcedAligner-0.6B"),
}
"""Role -> the hub's checkpoint."""

TINY = Checkpoint(folder=ASSETS / "tiny", window_seconds=30)
TINY_ALIGNER = Checkpoint(folder=ASSETS / "tiny_aligner")

TASKS = {
    task.name: task
    for task in (
        # The card names no limit. Two minutes of a call usually hold both speakers, so that labels can be linked from
        # window to window. qwen-asr loses text past 3 to 4 minutes, and its aligner takes 3.
        Task("diarize", "Japanese call to a transcript with speakers", "diarize", "Japanese", 120, has_speakers=True),
        # The translation model was trained on clips of 0.5 to 30 s; its card reports "best performance on audio
        # segments under 30 seconds".
        Task(
            "en2ja", "English speech to Japanese text", "translation", "Japanese", 30, translates=True, spoken="English"
        ),
        Task(
            "ja2en", "Japanese speech to English text", "translation", "English", 30, translates=True, spoken="Japanese"
        ),
        # The card says that clips were filtered by duration, but not at what limit; Common Voice's are far shorter.
        Task("pt", "Portuguese speech to text with capitals and punctuation", "pt", "Portuguese", 30),
        # The base model takes 20 minutes. Shorter windows follow a change of language sooner, and are read sooner.
        Task("transcribe", "speech in one of 30 languages to text", "base", None, 30, takes_any=True),
    )
}

LANGUAGE_CHECK = "language_check"
"""The role that the page's server gives to the checkpoint that detects the spoken language, if it checks it."""

SOURCES = {"en2ja": replace(TASKS["transcribe"], language="English", spoken="English"), "ja2en": TASKS["diarize"]}
"""Translating task -> the task that writes what was said."""


def get_task(name: str) -> Task:
    """Return the task of that name. Raises TaskError, which lists the names."""
    if name not in TASKS:
        raise TaskError("unknown_direction", name=repr(name), choices=", ".join(TASKS))
    return TASKS[name]


def choose_task(name: str, language: str = AUTO) -> Task:
    """Return the task of that name in a language, given as `find_language` takes it. Raises TaskError.

    Of tasks with a language of their own only `auto` is taken.
    """
    task, named = get_task(name), find_language(language)
    return in_language(task, named) if named else task


def in_language(task: Task, language: str | None) -> Task:
    """Return the task for one language, by its English name; None to detect it.

    Raises TaskError if the task has one language of its own.
    """
    if not task.takes_any:
        raise TaskError("fixed_language", direction=task.name)
    return replace(task, language=language, spoken=language)


def get_source(task: Task) -> Task:
    """Return the task that writes what was said. Raises TaskError if `task` does not translate."""
    if task.name not in SOURCES:
        raise TaskError("no_source", direction=task.name)
    return SOURCES[task.name]


def get_language_check(task: Task, checkpoints: Mapping[str, Checkpoint]) -> Task:
    """Return the task whose model detects the spoken language: the same one if its checkpoint can, else the base's."""
    detecting = TASKS["transcribe"]
    return task if checkpoints[task.role] == checkpoints[detecting.role] else detecting


def check_alignable(task: Task) -> None:
    """Raise TaskError if the task's words are not those that were spoken, or the aligner does not know its language."""
    if task.translates:
        raise TaskError("not_alignable", direction=task.name)
    if task.language and task.language not in ALIGNABLE:
        raise TaskError("language_not_alignable", language=task.language, choices=", ".join(ALIGNABLE))


def choose_checkpoints(
    choices: Iterable[str] = (),
    revisions: Iterable[str] = (),
    role: str | None = None,
    size: str = "1.7b",
    weights: str | None = None,
) -> dict[str, Checkpoint]:
    """Return the checkpoint of each role.

    choices: values of `--checkpoint`: `tiny` for the embedded ones everywhere, `NAME=FOLDER` for one role, or `FOLDER`
        for the role given by `role`. Later ones win.
    revisions: values of `--revision`, `REPOSITORY=REVISION` each, or just the revision for `role`'s repository. A
        commit pins what is run; a branch or a tag can be moved.
    size: a key of BASES, the base model that the hub's is.
    weights: the format of all but the aligner's, one of FORMATS; None to leave them as they are.
    Raises CheckpointError for a choice that names no role, for a folder that is given as the aligner and as another
    model, for a revision that nothing would use, and for an unknown format.
    """
    if weights and weights not in FORMATS:
        raise CheckpointError("unknown_weights", weights=repr(weights), choices=" or ".join(FORMATS))
    if size not in BASES:
        raise TaskError("unknown_size", size=repr(size), choices=" or ".join(BASES))
    hub = CHECKPOINTS | {"base": BASES[size]}
    chosen = dict(hub)
    for choice in choices:
        chosen |= _chosen(choice, role)
    twice = [name for name, checkpoint in chosen.items() if name != "aligner" and checkpoint == chosen["aligner"]]
    if twice:
        raise CheckpointError("aligner_twice", folder=chosen["aligner"].folder, name=twice[0])
    for pin in revisions:
        repository, _, revision = pin.rpartition("=")
        repository = repository or (hub[role].repo_id if role else "")
        pinned = [name for name, checkpoint in chosen.items() if checkpoint.repo_id == repository != ""]
        if not (pinned and revision):
            fetched = sorted(checkpoint.repo_id for checkpoint in chosen.values() if checkpoint.folder is None)
            raise CheckpointError("revision_unused", pin=pin, choices=", ".join(fetched) or "none")
        chosen |= {name: replace(chosen[name], revision=revision) for name in pinned}
    if weights:
        chosen |= {name: replace(chosen[name], weights=weights) for name in chosen if name != "aligner"}
    return chosen


def _chosen(choice: str, role: str | None) -> Mapping[str, Checkpoint]:
    """Role -> checkpoint for one value of `--checkpoint`."""
    if choice == "tiny":
        return dict.fromkeys(CHECKPOINTS, TINY) | {"aligner": TINY_ALIGNER}
    name, equals, folder = choice.partition("=")
    if not equals or name not in CHECKPOINTS:
        name, folder = role, choice
    if name is None:
        raise CheckpointError("unnamed_checkpoint", choice=choice, names=", ".join(CHECKPOINTS))
    if folder == "tiny":
        return {name: TINY_ALIGNER if name == "aligner" else TINY}
    path = Path(folder).expanduser().resolve()
    known = {checkpoint.folder: checkpoint for checkpoint in (TINY, TINY_ALIGNER)}
    return {name: known.get(path, Checkpoint(folder=path))}
