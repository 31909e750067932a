"""A transcript in OpenAI's response formats."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import asdict

from starlette.responses import JSONResponse, PlainTextResponse, Response

from kikitori.api.outcome import Outcome
from kikitori.tasks import get_task
from kikitori.transcript import Transcript, Turn

NO_SPEAKER = "unknown"
"""Where OpenAI's schema wants a speaker and there is none, as in RTTM."""


def json_answer(outcome: Outcome) -> dict:
    """`json`: the text, and its tokens if they were asked for."""
    made = outcome.transcript
    logprobs = {} if outcome.logprobs is None else {"logprobs": outcome.logprobs}
    return _with_warnings({"text": made.text} | logprobs | {"usage": _usage(made)}, made)


def verbose_answer(outcome: Outcome, segments: bool, words: bool) -> dict:
    """`verbose_json`: segments, which are turns, and words."""
    made = outcome.transcript
    record = {
        "task": "translate" if get_task(made.direction).translates else "transcribe",
        "language": made.language.lower(),
        "duration": made.duration_seconds,
        "text": made.text,
    }
    if segments:
        pairs = zip(made.turns, outcome.means, strict=True)
        record["segments"] = [_segment(number, turn, mean) for number, (turn, mean) in enumerate(pairs)]
    if words:
        record["words"] = [_word(word) for turn in made.turns for word in turn.words]
    return _with_warnings(record | {"usage": _usage(made)}, made)


def diarized_answer(outcome: Outcome) -> dict:
    """`diarized_json`: who said what and when."""
    made = outcome.transcript
    record = {"task": "transcribe", "duration": made.duration_seconds, "text": made.text}
    record["segments"] = [speaker_segment(number, turn) for number, turn in enumerate(made.turns)]
    return _with_warnings(record | {"usage": _usage(made)}, made)


def speaker_segment(number: int, turn: Turn) -> dict:
    """A turn as a segment of `diarized_json`, and as an event. number: from 0 on."""
    return {
        "type": "transcript.text.segment",
        "id": segment_id(number),
        "start": turn.start_seconds,
        "end": turn.end_seconds,
        "text": turn.text,
        "speaker": turn.speaker or NO_SPEAKER,
    }


def segment_id(number: int) -> str:
    """The id of a turn's segment. number: from 0 on."""
    return f"seg_{number:03d}"


def warnings_of(transcript: Transcript) -> list[dict]:
    """The transcript's warnings, without what its own JSON has for the page."""
    return [{key: value for key, value in asdict(one).items() if key != "values"} for one in transcript.warnings]


def answer(outcome: Outcome, response_format: str, granularities: Iterable[str], notes: list[str]) -> Response:
    """Return the answer in a format. granularities: of `verbose_json`. notes: for the header Warning."""
    headers = warning_header([*notes, *(f"transcript: {one.kind}" for one in outcome.transcript.warnings)])
    if response_format == "json":
        return JSONResponse(json_answer(outcome), headers=headers)
    if response_format == "verbose_json":
        chosen = set(granularities) or {"segment"}
        return JSONResponse(verbose_answer(outcome, "segment" in chosen, "word" in chosen), headers=headers)
    if response_format == "diarized_json":
        return JSONResponse(diarized_answer(outcome), headers=headers)
    if response_format == "text":
        return PlainTextResponse(outcome.transcript.text + "\n", headers=headers)
    text = outcome.transcript.to_srt() if response_format == "srt" else outcome.transcript.to_vtt()
    kind = "application/x-subrip" if response_format == "srt" else "text/vtt"
    return Response(text, headers=headers, media_type=f"{kind}; charset=utf-8")


def warning_header(notes: Iterable[str]) -> dict[str, str]:
    """The header Warning (RFC 7234, section 5.5) with these notes; none without notes."""
    values = [f'299 kikitori "{note}"' for note in notes]
    return {"Warning": ", ".join(values)} if values else {}


def _segment(number: int, turn: Turn, mean: float) -> dict:
    data = turn.text.encode()
    segment = {
        "id": number,
        "seek": round(turn.start_seconds * 100),
        "start": turn.start_seconds,
        "end": turn.end_seconds,
        "text": turn.text,
        "tokens": [],
        "temperature": 0.0,
        "avg_logprob": mean,
        "compression_ratio": len(data) / len(zlib.compress(data)),
        "no_speech_prob": 0.0,
    }
    return segment | ({"speaker": turn.speaker} if turn.speaker else {})


def _word(word) -> dict:
    return {"word": word.text.strip(), "start": word.start_seconds, "end": word.end_seconds}


def _usage(transcript: Transcript) -> dict:
    return {"type": "duration", "seconds": transcript.duration_seconds}


def _with_warnings(record: dict, transcript: Transcript) -> dict:
    return record | ({"warnings": warnings_of(transcript)} if transcript.warnings else {})
