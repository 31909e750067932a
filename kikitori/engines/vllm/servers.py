"""What a vLLM server runs: version, model, longest input, and whether it writes the prompt of qwen-asr."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kikitori.engines.vllm.client import RefusedError, Requests, UnavailableError
from kikitori.engines.vllm.outages import note_away
from kikitori.errors import EngineError
from kikitori.tasks import Checkpoint

TEMPLATE = Path(__file__).with_name("chat_template.jinja")
MIN_VERSION = (0, 14)
"""The one that qwen-asr 0.0.6 asks for."""
_BEGINNING = "language English<asr_text>"


@dataclass(frozen=True)
class Server:
    """A server that decodes with the right checkpoint.

    model: its name there. max_tokens: the longest input and output together. template: a chat template that requests
    must carry, because the server was started without it; empty if it has one.
    """

    url: str
    version: str
    model: str
    max_tokens: int
    template: str


def find_servers(urls: Sequence[str], checkpoint: Checkpoint, needs_speakers: bool) -> dict[str, Server | None]:
    """Return those of the servers that have loaded a checkpoint, by address; None for one that does not answer.

    needs_speakers: refuse one that has no tokens for speakers. Raises EngineError if none has loaded it, or one is
    too old or can't be told how an answer begins.
    """
    found: dict[str, Server | None] = {}
    missing: dict[str, UnavailableError] = {}
    wrong: list[EngineError] = []
    for url in urls:
        try:
            found[url] = look_at(Requests(), url, checkpoint, needs_speakers)
        except UnavailableError as error:
            found[url], missing[url] = None, error
            wrong.append(EngineError("engine_unreachable", url=url, why=error))
        except EngineError as error:
            if error.code != "engine_model":
                raise
            wrong.append(error)
    if not any(found.values()):
        raise next((error for error in wrong if error.code == "engine_model"), wrong[0])
    for url, error in missing.items():
        note_away(url, error)
    return found


def look_at(requests: Requests, url: str, checkpoint: Checkpoint, needs_speakers: bool) -> Server:
    """Ask a server what it runs.

    Raises EngineError for the wrong model or version, UnavailableError and CancelledError.
    """
    try:
        version = str(requests.json(url, "/version")["version"])
        models = [dict(model) for model in requests.json(url, "/v1/models")["data"]]
    except RefusedError as error:
        raise EngineError("engine_unreachable", url=url, why=f"no vLLM: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise EngineError("engine_unreachable", url=url, why="no vLLM: its answers are of another kind") from error
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if numbers < MIN_VERSION:
        raise EngineError("engine_version", url=url, version=version, limit=".".join(map(str, MIN_VERSION)))
    model = next((one for one in models if _is_of(one, checkpoint)), None)
    if model is None:
        served = ", ".join(str(one.get("root") or one.get("id")) for one in models)
        wanted = checkpoint.folder or checkpoint.repo_id
        raise EngineError("engine_model", url=url, served=served, name=wanted)
    if needs_speakers:
        try:
            _check_speakers(requests, url, model["id"], checkpoint)
        except RefusedError as error:
            raise EngineError("engine_unreachable", url=url, why=f"it counts no tokens: {error}") from error
    template = _needed_template(requests, url, model["id"])
    return Server(url, version, model["id"], int(model["max_model_len"]), template)


def _is_of(model: dict, checkpoint: Checkpoint) -> bool:
    """Whether a server's model is a checkpoint: by the name it was given, or by what it was loaded from."""
    names = {checkpoint.name, checkpoint.repo_id, str(checkpoint.folder or "")} - {""}
    root = str(model.get("root", ""))
    is_same_folder = checkpoint.folder is not None and Path(root) == checkpoint.folder
    return model.get("id") in names or root in names or is_same_folder


def _check_speakers(requests: Requests, url: str, model: str, checkpoint: Checkpoint) -> None:
    for tag in ("<|spk_0|>", "<|spk_1|>"):
        body = {"model": model, "prompt": tag, "add_special_tokens": False}
        if len(requests.json(url, "/tokenize", body)["tokens"]) != 1:
            raise EngineError("no_speaker_token", name=checkpoint.name, tag=tag)


def _needed_template(requests: Requests, url: str, model: str) -> str:
    """The chat template that requests must carry; empty if the server continues an answer without.

    The checkpoints' own template drops the beginning of an answer, and with it the language.
    """
    for template in ("", TEMPLATE.read_text(encoding="utf-8")):
        body = {
            "model": model,
            "messages": [
                {"role": "system", "content": ""},
                {"role": "user", "content": ""},
                {"role": "assistant", "content": _BEGINNING},
            ],
            "add_generation_prompt": False,
            "continue_final_message": True,
            "return_token_strs": True,
        } | ({"chat_template": template} if template else {})
        try:
            strings = requests.json(url, "/tokenize", body).get("token_strs") or [""]
        except RefusedError:
            continue
        if strings[-1] == "<asr_text>" and "system" in strings:
            return template
    raise EngineError("engine_template", url=url, file=TEMPLATE)
