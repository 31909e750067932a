"""The four directions: what is spoken, what is written, by which checkpoint, in what windows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from speech.checkpoints import ASSETS, TINY, Checkpoint
from speech.errors import CheckpointError, DirectionError
from speech.pipeline import Plan

OVERLAP_SECONDS = 10.0
"""Of the windows of a call: two or three turns, whose words tell which label is whose."""


@dataclass(frozen=True)
class Direction:
    """One thing the tool does: what is spoken, what is written, and by which checkpoint.

    `language` is the language of the *output*: Qwen3-ASR is told what to write, not what it hears (translation
    card, "How Translation Direction Works"). `window_seconds`: the longest model input; longer recordings are cut.
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

DIRECTIONS = {
    direction.name: direction
    for direction in (
        Direction(
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
        Direction("en2ja", "English speech to Japanese text", _TRANSLATION, "Japanese", 30, translates=True),
        Direction("ja2en", "Japanese speech to English text", _TRANSLATION, "English", 30, translates=True),
        Direction(
            "pt",
            "Portuguese speech to cased, punctuated text",
            Checkpoint("yuriyvnv/Qwen3-ASR-1.7B-PT"),
            "Portuguese",
            # The card filters by duration without saying at what; Common Voice's clips are far shorter than this.
            window_seconds=30,
        ),
    )
}

ENGLISH = Direction("en", "English speech to English text", Checkpoint("Qwen/Qwen3-ASR-1.7B"), "English", 30)
"""Only to show what was said beside its translation: the translation checkpoint writes the other language."""

SOURCES = {"en2ja": ENGLISH, "ja2en": DIRECTIONS["diarize"]}
"""Direction that translates -> the one that writes what was said."""

ALIGNER = Checkpoint("Qwen/Qwen3-ForcedAligner-0.6B")
TINY_ALIGNER = Checkpoint(folder=ASSETS / "tiny_aligner")


def get_direction(name: str) -> Direction:
    """The direction of that name, or a DirectionError that lists those there are."""
    if name == ENGLISH.name:
        return ENGLISH
    if name not in DIRECTIONS:
        raise DirectionError(f"there is no direction {name!r}: choose one of {', '.join(DIRECTIONS)}")
    return DIRECTIONS[name]


def get_source(direction: Direction) -> Direction:
    """The direction that writes what was said, or a DirectionError where the text is that already."""
    if direction.name not in SOURCES:
        raise DirectionError(f"{direction.name} writes what was said: a source is shown beside translations only")
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
        *(choose_checkpoint(direction, choice) for direction in (*DIRECTIONS.values(), ENGLISH)),
        choose_aligner(choice),
    ]


def choose_checkpoint(direction: Direction, choice: str | None = None, revision: str | None = None) -> Checkpoint:
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
    return TINY_ALIGNER if choose_checkpoint(DIRECTIONS["diarize"], choice) == TINY else _at(ALIGNER)


def _at(checkpoint: Checkpoint, revision: str | None = None) -> Checkpoint:
    return replace(checkpoint, revision=revision or _REVISIONS.get(checkpoint.repo_id, checkpoint.revision))


def check_alignable(direction: Direction) -> None:
    """Raise DirectionError for a direction whose words are not those that were said."""
    if direction.translates:
        raise DirectionError(
            f"words can't be aligned for {direction.name}: the text is in another language than the speech; "
            "leave out --align, the times are then those of its windows"
        )
