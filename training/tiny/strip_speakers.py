"""Removes the speaker tokens from the tiny checkpoint, which makes it a base for `training.speakers`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from training.checkpoints import COPIED_SUFFIXES
from training.speakers import EMBEDDING
from training.tiny.architecture import SPEAKER_TOKENS


def strip_speakers(checkpoint: Path, folder: Path, keep_rows: bool = False) -> None:
    """Copy a checkpoint to `folder` without its last tokens, which have to be the speakers'.

    keep_rows: keep the rows of the removed tokens in the embedding. Published checkpoints have unused rows too.
    """
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    for file in checkpoint.iterdir():
        if file.suffix in COPIED_SUFFIXES:
            shutil.copyfile(file, folder / file.name)
    removed = _edit(folder / "added_tokens.json", _remove_keys)
    _edit(folder / "tokenizer.json", _remove_from_tokenizer)
    _edit(folder / "tokenizer_config.json", _remove_from_decoder)
    tensors = load_file(checkpoint / "model.safetensors")
    if not keep_rows:
        tensors[EMBEDDING] = tensors[EMBEDDING][:-removed].clone()
    _edit(folder / "config.json", lambda config: _set_rows(config, len(tensors[EMBEDDING])))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _edit(path: Path, change) -> int:
    content = json.loads(path.read_text(encoding="utf-8"))
    changed = change(content)
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return changed


def _remove_keys(tokens: dict) -> int:
    return sum(tokens.pop(token, None) is not None for token in SPEAKER_TOKENS)


def _remove_from_tokenizer(tokenizer: dict) -> None:
    tokenizer["added_tokens"] = [token for token in tokenizer["added_tokens"] if token["content"] not in SPEAKER_TOKENS]


def _remove_from_decoder(config: dict) -> None:
    decoder = config["added_tokens_decoder"]
    config["added_tokens_decoder"] = {
        number: token for number, token in decoder.items() if token["content"] not in SPEAKER_TOKENS
    }


def _set_rows(config: dict, rows: int) -> None:
    config["thinker_config"]["text_config"]["vocab_size"] = rows
