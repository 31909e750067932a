"""What the page's view of a transcript is given, and what it asks for: plain data, shown by page.js."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kikitori.output.subtitles import has_estimated_times, timed_turns
from kikitori.output.writers import WRITERS
from kikitori.transcript import Transcript


def to_view(transcript: Transcript, path: str) -> dict:
    """One recording for the view: its transcript, when each turn is said (estimated or not), and its sound.

    path: the sound's file in Gradio's cache, which the browser may fetch.
    """
    timed = timed_turns(transcript)
    return {
        "transcript": transcript.to_dict(),
        "speakers": list(transcript.speakers),
        "times": [[turn.start_seconds, turn.end_seconds] for turn in timed],
        "estimated": has_estimated_times(transcript),
        "sound": path,
    }


def write_file(suffix: str, record: dict, times: list) -> dict[str, str]:
    """A transcript that the view sends back, perhaps corrected, as a file: its name and its text.

    times: when the view shows each turn, as in `sheet`: corrected texts of other lengths would be estimated anew. JSON
    keeps the transcript's own. Raises ValueError for what the view would not send.
    """
    if suffix not in WRITERS:
        raise ValueError(f"there is no format {suffix!r}: choose one of {', '.join(WRITERS)}")
    try:
        transcript = Transcript.from_dict(record)
        shown = transcript if suffix == "json" else _as_shown(transcript, times)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no transcript: {error!r}") from error
    return {"name": f"{Path(transcript.audio).stem}.{suffix}", "text": WRITERS[suffix](shown)}


def _as_shown(transcript: Transcript, times: list) -> Transcript:
    """The transcript with the times that the view shows for its turns; their timing still calls estimates so."""
    pairs = zip(transcript.turns, times, strict=True)
    turns = tuple(replace(turn, start_seconds=start, end_seconds=end) for turn, (start, end) in pairs)
    return replace(transcript, turns=turns)
