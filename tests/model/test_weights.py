"""Checkpoints that are damaged, incomplete, of another kind, or would run code: the file and the remedy are named."""

from __future__ import annotations

import json
import os
import pickle
import shutil

import pytest

import inference
from kikitori import load_model
from kikitori.errors import CheckpointError
from kikitori.model.weights import check_weights, identify_weights
from kikitori.tasks import TASKS, TINY, choose_aligner, choose_checkpoint, get_task, pin_revisions
from tests.support.recordings import one_recording


@pytest.fixture
def folder(tmp_path):
    """A copy of the tiny checkpoint, to be damaged."""
    return shutil.copytree(TINY.folder, tmp_path / "mine")


def refusal(folder) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_model("pt", checkpoint=str(folder))
    assert "\n" not in str(caught.value) and "--checkpoint tiny" in str(caught.value)
    return str(caught.value)


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
    message = refusal(folder)
    assert message.startswith(f"{file} is damaged or cut off (") and "): fetch it again" in message


def test_weights_that_could_run_code_are_refused_unread(folder, tmp_path):
    """A pickle that would leave a mark if it were read."""

    class Mark:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "code was run"),)

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Mark()))
    assert refusal(folder).startswith(
        f"{folder} holds no *.safetensors file, only pytorch_model.bin, which could run any code when it is read: "
    )
    (folder / "pytorch_model.bin").unlink()
    assert refusal(folder).startswith(f"{folder} holds no *.safetensors file: ")
    assert os.listdir(tmp_path) == ["mine"]


def test_code_that_comes_with_a_checkpoint_is_not_run(folder, tmp_path):
    """Named for every class that transformers could take from it, in all files that could name it."""
    mark = tmp_path / "code was run"
    (folder / "mine.py").write_text(f"import os\nos.mkdir({str(mark)!r})\nclass Mine: pass\n")
    classes = {f"Auto{name}": "mine.Mine" for name in ("Config", "Model", "Processor", "FeatureExtractor")}
    classes["AutoTokenizer"] = ["mine.Mine", "mine.Mine"]
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        record = json.loads((folder / name).read_text(encoding="utf-8"))
        (folder / name).write_text(json.dumps(record | {"auto_map": classes}), encoding="utf-8")
    load_model("pt", checkpoint=str(folder))  # by our own classes, whatever it names
    unknown = shutil.copytree(folder, tmp_path / "unknown")
    config = json.loads((unknown / "config.json").read_text(encoding="utf-8"))
    (unknown / "config.json").write_text(json.dumps(config | {"model_type": "mine"}), encoding="utf-8")
    assert "could not be loaded" in refusal(unknown)
    assert not mark.exists()


def test_a_missing_part_is_named(folder):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(
        json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002.safetensors"}})
    )
    assert refusal(folder).startswith(f"{folder / 'model-00002.safetensors'} is missing: fetch it again")
    index.write_text("{")
    assert refusal(folder).startswith(f"{index} is damaged: fetch it again")


def test_weights_that_would_be_random_are_refused(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["thinker.audio_tower.layers.0.fc1.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    message = f"{folder} lacks 1 of 124 weights, such as thinker.audio_tower.layers.0.fc1.bias: fetch it again"
    assert refusal(folder).startswith(message)


def test_another_kind_of_model_is_refused(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "bert"}), encoding="utf-8")
    assert refusal(folder).startswith(f"{folder} is a bert, not a qwen3_asr: ")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"[]"], ids=["half", "list"])
def test_other_damage_is_one_sentence(folder, name, damage):
    (folder / name).write_bytes(damage((folder / name).read_bytes()))
    assert refusal(folder).startswith(f"mine ({folder}) could not be loaded as a Qwen3-ASR checkpoint: ")


def test_weights_that_were_changed_are_other_weights(folder):
    check_weights(folder)
    before = identify_weights(folder)
    assert before == json.loads(json.dumps(before)) == identify_weights(folder)
    (folder / "model.safetensors").write_bytes((TINY.folder / "model.safetensors").read_bytes())
    check_weights(folder)
    assert identify_weights(folder) != before


def test_a_revision_is_of_the_hubs_checkpoint():
    direction = get_task("pt")
    commit = "0123456789abcdef0123456789abcdef01234567"
    assert choose_checkpoint(direction, revision=commit).revision == commit
    assert choose_checkpoint(direction).revision == "main"
    with pytest.raises(CheckpointError, match=f"revision {commit}"):
        load_model("pt", revision=commit)
    with pytest.raises(CheckpointError, match="--checkpoint tiny is a folder and has no revision main: leave out"):
        load_model("pt", checkpoint="tiny", revision="main")


@pytest.fixture
def unpinned():
    yield
    pin_revisions([])


def revisions() -> dict[str, str]:
    """What the four directions, what was said in English and the aligner would be fetched at."""
    chosen = [choose_checkpoint(get_task(name)) for name in (*TASKS, "en")] + [choose_aligner()]
    return {checkpoint.repo_id: checkpoint.revision for checkpoint in chosen}


def test_each_of_the_hubs_checkpoints_can_be_pinned(unpinned):
    free = revisions()
    assert len(free) == 5 and set(free.values()) == {"main"}
    pins = {repository: str(number) * 40 for number, repository in enumerate(free)}
    pin_revisions(f"{repository}={commit}" for repository, commit in pins.items())
    assert revisions() == pins
    with pytest.raises(CheckpointError, match=rf"revision {pins['yuriyvnv/Qwen3-ASR-1.7B-PT']}\).*--revision 2222"):
        load_model("pt")
    assert choose_checkpoint(get_task("pt"), revision="v1").revision == "v1"
    pin_revisions([])
    assert revisions() == free


@pytest.mark.parametrize("pin", ["someone/else=abc", "Qwen/Qwen3-ASR-1.7B", "Qwen/Qwen3-ASR-1.7B=", "=abc", "abc", ""])
def test_a_pin_that_would_hold_nothing_is_refused(unpinned, pin):
    with pytest.raises(
        CheckpointError, match=f"--revision {pin} names no checkpoint .*: write REPOSITORY=REVISION, for"
    ):
        pin_revisions([pin])
    assert set(revisions().values()) == {"main"}


def test_beside_a_folder_only_the_aligner_is_fetched(unpinned, tmp_path):
    pin_revisions(["Qwen/Qwen3-ForcedAligner-0.6B=abc"], str(tmp_path))
    assert choose_aligner(str(tmp_path)).revision == "abc"
    with pytest.raises(CheckpointError, match=r"beside --checkpoint .*: write .*, for Qwen/Qwen3-ForcedAligner-0.6B$"):
        pin_revisions(["Qwen/Qwen3-ASR-1.7B=abc"], str(tmp_path))
    with pytest.raises(CheckpointError, match="fetched from the hub beside --checkpoint tiny: leave it out"):
        pin_revisions(["Qwen/Qwen3-ForcedAligner-0.6B=abc"], "tiny")


@pytest.mark.parametrize(
    ("options", "fetched"),
    [
        (["--revision", "abc"], "yuriyvnv/Qwen3-ASR-1.7B-PT (revision abc)"),
        (["--revision", "yuriyvnv/Qwen3-ASR-1.7B-PT=abc"], "yuriyvnv/Qwen3-ASR-1.7B-PT (revision abc)"),
        (["--revision", "Qwen/Qwen3-ForcedAligner-0.6B=abc"], "yuriyvnv/Qwen3-ASR-1.7B-PT (revision main)"),
        (
            ["--revision", "abc", "--checkpoint", "tiny"],
            "--revision yuriyvnv/Qwen3-ASR-1.7B-PT=abc names no checkpoint",
        ),
    ],
)
def test_the_command_line_pins(unpinned, capsys, options, fetched):
    assert inference.main([str(one_recording("pt").path), "--direction", "pt", *options]) == 1
    assert f"error: {fetched}" in capsys.readouterr().err
