"""Events of /v1/realtime: those of OpenAI's realtime transcription, as far as they fit.

What comes in is checked; what goes out is made of the events of a live session.
"""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from kikitori.audio.checks import SAMPLE_RATE
from kikitori.errors import RequestError
from kikitori.live.events import Closed, Event, Words
from kikitori.strings import displayed

TEXT = "conversation.item.input_audio_transcription"
TENTATIVE, READY = "kikitori.tentative", "kikitori.ready"
"""The events that OpenAI's API does not have: text that may still change, and that the model is loaded."""
APPEND, COMMIT, UPDATE = "input_audio_buffer.append", "input_audio_buffer.commit", "session.update"
TAKEN = (APPEND, COMMIT, UPDATE)
"""Types of the events that a client can send."""
SHOWN_CHARACTERS = 60
OPENAI_RATE = 24000


class Chosen(BaseModel):
    """What writes the text: a model as /v1/models names it, what is spoken, and names that may be said."""

    model: str = "whisper-1"
    language: str = ""
    prompt: str = ""


class Format(BaseModel):
    """How samples come: 16 bits, little-endian, mono."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[16000, 24000] = SAMPLE_RATE


class Input(BaseModel):
    """What comes in."""

    format: Format = Field(default_factory=Format)
    transcription: Chosen = Field(default_factory=Chosen)


class Sound(BaseModel):
    """The sound of a session."""

    input: Input = Field(default_factory=Input)


class Settings(BaseModel):
    """The value of `session` in `session.update`. OpenAI's other settings are taken and have no effect."""

    type: Literal["transcription"] = "transcription"
    audio: Sound = Field(default_factory=Sound)

    def updated(self, changes: object) -> Settings:
        """Return the settings with those that an event gives. Raises RequestError."""
        if not isinstance(changes, dict):
            raise RequestError("field_missing", name="session")
        try:
            return Settings.model_validate(_merged(self.model_dump(), changes))
        except ValidationError as error:
            first = error.errors()[0]
            name, value = ".".join(map(str, ("session", *first["loc"]))), displayed(repr(first["input"]))
            why = f"{value[:SHOWN_CHARACTERS]} is not what is expected" if first["type"] == "missing" else first["msg"]
            raise RequestError("field_value", name=name, value=value[:SHOWN_CHARACTERS], why=why) from error


def _merged(old: dict, new: dict) -> dict:
    """Return a dict of dicts with the values of another one."""
    both = {
        key: _merged(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
        if value is not None
    }
    return old | both


def read_event(text: str) -> dict:
    """Return the event of a message. Raises RequestError."""
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RequestError("not_an_event", why=str(error)) from error
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise RequestError("not_an_event", why="it has no type")
    if event["type"] not in TAKEN:
        name = displayed(event["type"][:SHOWN_CHARACTERS])
        raise RequestError("unknown_event", name=name, choices=", ".join(TAKEN))
    return event


def samples_of(event: dict) -> bytes:
    """Return the bytes of an append. Raises RequestError."""
    audio = event.get("audio")
    if not isinstance(audio, str):
        raise RequestError("field_missing", name="audio")
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError) as error:
        shown = displayed(repr(audio[:SHOWN_CHARACTERS]))
        raise RequestError("field_value", name="audio", value=shown, why=str(error)) from error


def made(kind: str, **values: object) -> dict:
    """An event of the server."""
    return {"type": kind, "event_id": f"event_{uuid.uuid4().hex}", **values}


class Outgoing:
    """Makes the events about stretches, which are OpenAI's items."""

    def __init__(self):
        self._session = uuid.uuid4().hex
        self._stretch = -1  # the last one that was told of
        self._sent = ""  # its firm text
        self._before: str | None = None

    def of(self, event: Event, is_requested: bool = False) -> Iterator[dict]:
        """Yield what is sent for an event of a live session. is_requested: the client has closed the stretch."""
        item = f"item_{self._session}_{event.stretch}"
        if event.stretch > self._stretch:
            self._stretch, self._sent = event.stretch, ""
            start = round(event.start_seconds * 1000)
            yield made("input_audio_buffer.speech_started", item_id=item, audio_start_ms=start)
        if isinstance(event, Words):
            yield from self._added(item, event.firm)
            heard = round(event.heard_seconds * 1000)
            yield made(TENTATIVE, item_id=item, content_index=0, text=event.tentative, audio_heard_ms=heard)
            return
        end = round(event.end_seconds * 1000)
        yield made("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end)
        yield made("input_audio_buffer.committed", item_id=item, previous_item_id=self._before)
        yield from self._added(item, event.text)
        own = {"is_requested": is_requested}
        yield made(f"{TEXT}.completed", item_id=item, content_index=0, **_complete(event), **own)
        self._before = item

    def _added(self, item: str, text: str) -> Iterator[dict]:
        added, self._sent = text[len(self._sent) :], text
        if added:
            yield made(f"{TEXT}.delta", item_id=item, content_index=0, delta=added)


def _complete(event: Closed) -> dict:
    """The text of a stretch. All but `transcript` and `usage` are this server's own."""
    turns = [
        {
            "speaker": turn.speaker,
            "text": turn.text,
            "language": turn.language,
            "start": turn.start_seconds,
            "end": turn.end_seconds,
        }
        for turn in event.turns
    ]
    warnings = [{"kind": warning.kind, "message": warning.message} for warning in event.warnings]
    seconds = round(event.end_seconds - event.start_seconds, 3)
    usage = {"type": "duration", "seconds": seconds}
    return {"transcript": event.text, "usage": usage, "turns": turns, "warnings": warnings}
