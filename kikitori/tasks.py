"""The four directions: what is spoken, what is written, by which checkpoint, in what windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from kikitori.errors import CheckpointError, TaskError


@dataclass(frozen=True)
class Plan:
    """How a direction's recordings are cut and read."""

    window_seconds: float
    overlap_seconds: float
    has_speakers: bool


ASSETS = Path(__file__).resolve().parent.parent / "assets"


@dataclass(frozen=True)
class Checkpoint:
    """Where weights come from: a repository on the Hugging Face hub, or a folder on this machine."""

    repo_id: str = ""
    revision: str = "main"
    folder: Path | None = None
    window_seconds: float | None = None
    """The longest input that it was trained for, where that is shorter than the direction's."""

    @property
    def name(self) -> str:
        """What the page and the transcripts call it."""
        if self.folder is None:
            return self.repo_id
        return "tiny" if self.folder == TINY.folder else self.folder.name


TINY = Checkpoint(folder=ASSETS / "tiny", window_seconds=30)

OVERLAP_SECONDS = 10.0
"""Of the windows of a call: two or three turns, whose words tell which label is whose."""


@dataclass(frozen=True)
class Task:
    """One thing the tool does: what is spoken, what is written, and by which checkpoint.

    `language` is the language of the *output*: Qwen3-ASR is told what to write, not what it hears (translation
    card, "How Translation Task Works"). `window_seconds`: the longest model input; longer recordings are cut.
    """

    name: str
    label: str
    checkpoint: Checkpoint
    language: str
    window_seconds: float
    has_speakers: bool = False
    translates: bool = False

    def plan(self, checkpoint: Checkpoint) -> Plan:
        """How recordings are cut for a checkpoint."""
        seconds = min(self.window_seconds, checkpoint.window_seconds or self.window_seconds)
        return Plan(seconds, OVERLAP_SECONDS if self.has_speakers else 0.0, self.has_speakers)


_TRANSLATION = Checkpoint("voiceping-ai/qwen3-asr-ja-en-speech-translation")

TASKS = {
    direction.name: direction
    for direction in (
        Task(
            "diarize",
            "Japanese call to a transcript with speakers",
            Checkpoint("okadahiroaki/Qwen3asr_diarization_projembed"),
            "Japanese",
            # The card names no limit. In two minutes both speakers are heard as a rule, so that labels can be linked
            # from window to window; qwen-asr loses text past 3 to 4 minutes, and its aligner takes 3.
            window_seconds=120,
            has_speakers=True,
        ),
        # The translation card trained on 0.5 to 30 s, "best performance on audio segments under 30 seconds".
        Task("en2ja", "English speech to Japanese text", _TRANSLATION, "Japanese", 30, translates=True),
        Task("ja2en", "Japanese speech to English text", _TRANSLATION, "English", 30, translates=True),
        Task(
            "pt",
            "Portuguese speech to cased, punctuated text",
            Checkpoint("yuriyvnv/Qwen3-ASR-1.7B-PT"),
            "Portuguese",
            # The card filters by duration without saying at what; Common Voice's clips are far shorter than this.
            window_seconds=30,
        ),
    )
}

ENGLISH = Task("en", "English speech to English text", Checkpoint("Qwen/Qwen3-ASR-1.7B"), "English", 30)
"""Only to show what was said beside its translation: the translation checkpoint writes the other language."""

SOURCES = {"en2ja": ENGLISH, "ja2en": TASKS["diarize"]}
"""Task that translates -> the one that writes what was said."""

ALIGNER = Checkpoint("Qwen/Qwen3-ForcedAligner-0.6B")
TINY_ALIGNER = Checkpoint(folder=ASSETS / "tiny_aligner")


def get_task(name: str) -> Task:
    """The direction of that name, or a TaskError that lists those there are."""
    if name == ENGLISH.name:
        return ENGLISH
    if name not in TASKS:
        raise TaskError(f"there is no direction {name!r}: choose one of {', '.join(TASKS)}")
    return TASKS[name]


def get_source(direction: Task) -> Task:
    """The direction that writes what was said, or a TaskError where the text is that already."""
    if direction.name not in SOURCES:
        raise TaskError(f"{direction.name} writes what was said: a source is shown beside translations only")
    return SOURCES[direction.name]


_REVISIONS: dict[str, str] = {}
"""Repository -> what `pin_revisions` says of it."""


def pin_revisions(pins: Iterable[str], choice: str | None = None) -> None:
    """From now on take checkpoints from the hub at these revisions, and all others at `main`.

    pins: `REPOSITORY=REVISION` each, the last one of a repository counts; a commit pins what is run, a branch or a tag
    can be moved. choice: what `--checkpoint` is. Raises CheckpointError for a pin that would hold nothing.
    """
    revisions = {}
    fetched = {checkpoint.repo_id for checkpoint in _all_checkpoints(choice) if checkpoint.folder is None}
    for pin in pins:
        repository, _, revision = pin.partition("=")
        if not revision or repository not in fetched:
            beside = f" beside --checkpoint {choice}" if choice else ""
            of = f"write REPOSITORY=REVISION, for {', '.join(sorted(fetched))}" if fetched else "leave it out"
            raise CheckpointError(f"--revision {pin} names no checkpoint that is fetched from the hub{beside}: {of}")
        revisions[repository] = revision
    _REVISIONS.clear()
    _REVISIONS.update(revisions)


def _all_checkpoints(choice: str | None) -> list[Checkpoint]:
    return [
        *(choose_checkpoint(direction, choice) for direction in (*TASKS.values(), ENGLISH)),
        choose_aligner(choice),
    ]


def choose_checkpoint(direction: Task, choice: str | None = None, revision: str | None = None) -> Checkpoint:
    """What `--checkpoint` means: nothing is the direction's own, `tiny` the embedded one, else a folder.

    revision: of the direction's own; None for the one that is pinned, else `main`. Raises CheckpointError for one of a
    folder.
    """
    if choice is None:
        return _at(direction.checkpoint, revision)
    if revision:
        raise CheckpointError(
            f"--checkpoint {choice} is a folder and has no revision {revision}: leave out --revision, or --checkpoint"
        )
    folder = TINY.folder if choice == "tiny" else Path(choice).expanduser().resolve()
    return TINY if folder == TINY.folder else Checkpoint(folder=folder)


def choose_aligner(choice: str | None = None) -> Checkpoint:
    """The aligner beside what `--checkpoint` means: the tiny one beside `tiny`, else the hub's."""
    return TINY_ALIGNER if choose_checkpoint(TASKS["diarize"], choice) == TINY else _at(ALIGNER)


def _at(checkpoint: Checkpoint, revision: str | None = None) -> Checkpoint:
    return replace(checkpoint, revision=revision or _REVISIONS.get(checkpoint.repo_id, checkpoint.revision))


def check_alignable(direction: Task) -> None:
    """Raise TaskError for a direction whose words are not those that were said."""
    if direction.translates:
        raise TaskError(
            f"words can't be aligned for {direction.name}: the text is in another language than the speech; "
            "leave out --align, the times are then those of its windows"
        )
