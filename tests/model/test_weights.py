"""Checkpoints that are damaged, incomplete, of another type, or would run code: errors name the file and the remedy."""

from __future__ import annotations

import json
import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from kikitori.errors import CheckpointError
from kikitori.model.aligner import load_qwen_aligner
from kikitori.model.checkpoints import load_once
from kikitori.model.quantised_checkpoint import quantise_folder
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.model.weights import FORMAT_KEY, check_weights, identify_weights
from kikitori.tasks import TINY, TINY_ALIGNER, Checkpoint


@pytest.fixture
def folder(tmp_path):
    """A copy of the tiny checkpoint, to be damaged."""
    return shutil.copytree(TINY.folder, tmp_path / "mine")


def load(folder, weights="") -> Recognizer:
    def load_in_format(*arguments) -> Recognizer:
        return load_recognizer(*arguments, weights=weights)

    return load_once(Checkpoint(folder=folder, weights=weights), "cpu", torch.float32, load_in_format)


def refusal(folder, code: str, weights="") -> CheckpointError:
    """The error of loading a folder."""
    with pytest.raises(CheckpointError) as caught:
        load(folder, weights)
    assert caught.value.code == code
    assert "\n" not in str(caught.value) and "use the checkpoint tiny" in str(caught.value)
    return caught.value


def flip_header(data: bytes) -> bytes:
    return data[:8] + bytes(byte ^ 0x55 for byte in data[8:40]) + data[40:]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:5],
        lambda data: data[: len(data) // 2],
        lambda data: data[:-1],
        lambda data: data + b"x",
        flip_header,
        lambda data: b"\xff" * 8 + data[8:],
        lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 7360528\n",
    ],
    ids=["empty", "five bytes", "half", "one byte short", "one too many", "header", "length", "pointer"],
)
def test_a_damaged_file_is_named_with_the_remedy(folder, damage):
    file = folder / "model.safetensors"
    file.write_bytes(damage(file.read_bytes()))
    assert refusal(folder, "weights_damaged").values["file"] == str(file)


def test_weights_that_could_run_code_are_refused_unread(folder, tmp_path):
    """A pickle that would make a folder if it were read."""

    class Mark:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "code was run"),)

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Mark()))
    error = refusal(folder, "pickled_weights")
    assert (error.values["folder"], error.values["file"]) == (str(folder), "pytorch_model.bin")
    (folder / "pytorch_model.bin").unlink()
    assert refusal(folder, "no_weights").values["folder"] == str(folder)
    assert os.listdir(tmp_path) == ["mine"]


def test_code_that_comes_with_a_checkpoint_is_not_run(folder, tmp_path):
    """Every file that can name code names it, for every class that transformers could take from there."""
    mark = tmp_path / "code was run"
    (folder / "mine.py").write_text(f"import os\nos.mkdir({str(mark)!r})\nclass Mine: pass\n")
    classes = {f"Auto{name}": "mine.Mine" for name in ("Config", "Model", "Processor", "FeatureExtractor")}
    classes["AutoTokenizer"] = ["mine.Mine", "mine.Mine"]
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        record = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(record | {"auto_map": classes}), encoding="utf-8")
    load(folder)  # with qwen_asr's classes, whatever the files name
    unknown = shutil.copytree(folder, tmp_path / "unknown")
    config = json.loads((unknown / "config.json").read_text(encoding="utf-8"))
    (unknown / "config.json").write_text(json.dumps(config | {"model_type": "mine"}), encoding="utf-8")
    refusal(unknown, "wrong_model_type")
    assert not mark.exists()


def test_a_missing_part_is_named(folder):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(
        json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002.safetensors"}})
    )
    assert refusal(folder, "weights_missing").values["file"] == str(folder / "model-00002.safetensors")
    index.write_text("{")
    assert refusal(folder, "weights_damaged").values["file"] == str(index)


def test_weights_that_would_be_random_are_refused(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["thinker.audio_tower.layers.0.fc1.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert refusal(folder, "weights_incomplete").values == {
        "folder": str(folder),
        "missing": 1,
        "count": 157,
        "example": "thinker.audio_tower.layers.0.fc1.bias",
    }


@pytest.fixture(scope="module", params=["int8", "int4"])
def quantised(request, tmp_path_factory):
    """Format, file and tensors of the tiny checkpoint with quantised weights; the file is to be damaged."""
    folder = tmp_path_factory.mktemp("quantised") / "mine"
    quantise_folder(TINY.folder, folder, request.param, "")
    (file,) = folder.glob("*.safetensors")
    return request.param, file, {name: tensor.clone() for name, tensor in load_file(file).items()}


@pytest.mark.parametrize("metadata", [{}, {FORMAT_KEY: ""}, {FORMAT_KEY: "int3"}], ids=["none", "empty", "another"])
def test_quantised_weights_that_are_not_marked_as_such_are_refused(quantised, metadata):
    weights, file, tensors = quantised
    save_file(tensors, file, {"format": "pt"} | metadata)
    for chosen in ("", weights):
        error = refusal(file.parent, "weights_unmarked", chosen)
        assert error.values == {"folder": str(file.parent), "stored": weights}
        assert "again with `kikitori quantise`" in str(error)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("qkv.scales", lambda tensor: tensor.view(-1, 4)),
        ("out.scales", lambda tensor: tensor.view(torch.float16)),
        ("down.{}", lambda tensor: tensor.t().contiguous()),
        ("gate_up.{}", lambda tensor: tensor[:-64]),
        ("gate_up.{}", lambda tensor: tensor.view(torch.uint8 if tensor.dtype == torch.int8 else torch.int8)),
    ],
    ids=["dimensions", "float16", "transposed", "rows", "sign"],
)
def test_quantised_weights_of_another_form_are_refused(quantised, name, change):
    weights, file, tensors = quantised
    name = f"thinker.model.layers.1.{name.format(weights)}"
    changed = change(tensors[name])
    save_file(tensors | {name: changed}, file, {FORMAT_KEY: weights})
    values = refusal(file.parent, "weights_unfit").values
    assert values["tensor"] == name
    assert values["found"] == in_words(changed) and values["needed"] == in_words(tensors[name])


def test_weights_of_another_shape_are_not_quantised(folder):
    weights = load_file(folder / "model.safetensors")
    name = "thinker.model.layers.1.mlp.up_proj.weight"
    weights[name] = weights[name][:-64]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert refusal(folder, "weights_unfit", "int8").values["tensor"] == name


def in_words(tensor: torch.Tensor) -> str:
    return f"{str(tensor.dtype).partition('.')[2]} {' × '.join(map(str, tensor.shape))}"


@pytest.mark.slow
def test_another_type_of_model_is_refused(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}), encoding="utf-8")
    error = refusal(folder, "wrong_model_type")
    assert (error.values["type"], error.values["expected"]) == ("bert", "qwen3_asr")


@pytest.mark.parametrize(
    ("load", "folder", "expected"),
    [(load_recognizer, TINY_ALIGNER.folder, "qwen3_asr"), (load_qwen_aligner, TINY.folder, "qwen3_forced_aligner")],
)
def test_an_aligner_and_a_model_that_writes_are_not_taken_for_each_other(load, folder, expected):
    with pytest.raises(CheckpointError, match=f"not a {expected}: give another folder"):
        load(str(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"[]"], ids=["half", "list"])
def test_other_damaged_files_are_errors(folder, name, damage):
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    error = refusal(folder, "checkpoint_unloadable")
    assert (error.values["name"], error.values["folder"]) == ("mine", str(folder))


def test_changed_weights_are_identified_as_others(folder):
    check_weights(folder)
    before = identify_weights(folder)
    assert before == json.loads(json.dumps(before)) == identify_weights(folder)
    (folder / "model.safetensors").write_bytes((TINY.folder / "model.safetensors").read_bytes())
    check_weights(folder)
    assert identify_weights(folder) != before
