"""Which checkpoint serves which role: choices of `--checkpoint`, and pins of `--revision`."""

from __future__ import annotations

from pathlib import Path

import pytest

from kikitori.cli.run import main
from kikitori.errors import CheckpointError
from kikitori.tasks import CHECKPOINTS, TINY, TINY_ALIGNER, Checkpoint, choose_checkpoints
from tests.support.recordings import one_recording

REPOSITORIES = {role: checkpoint.repo_id for role, checkpoint in CHECKPOINTS.items()}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def revisions(*pins: str, role: str | None = None) -> dict[str, str]:
    return {name: checkpoint.revision for name, checkpoint in choose_checkpoints((), pins, role).items()}


def test_without_a_choice_all_come_from_the_hub_at_main():
    assert choose_checkpoints() == CHECKPOINTS
    assert set(revisions().values()) == {"main"}


def test_every_repository_can_be_pinned():
    pins = {role: str(number) * 40 for number, role in enumerate(REPOSITORIES)}
    assert revisions(*(f"{REPOSITORIES[role]}={commit}" for role, commit in pins.items())) == pins


def test_a_revision_alone_pins_the_roles_own_repository():
    assert revisions(COMMIT, role="pt") == dict.fromkeys(REPOSITORIES, "main") | {"pt": COMMIT}


@pytest.mark.parametrize("pin", ["someone/else=abc", "Qwen/Qwen3-ASR-1.7B", "Qwen/Qwen3-ASR-1.7B=", "=abc", "abc", ""])
def test_a_pin_without_effect_is_an_error(pin):
    with pytest.raises(CheckpointError) as caught:
        choose_checkpoints((), [pin])
    assert (caught.value.code, caught.value.values["pin"]) == ("revision_unused", pin)
    assert "Qwen/Qwen3-ASR-1.7B" in caught.value.values["choices"]


def test_only_what_is_fetched_can_be_pinned(tmp_path):
    with pytest.raises(CheckpointError, match="none"):
        choose_checkpoints(["tiny"], ["Qwen/Qwen3-ForcedAligner-0.6B=abc"])
    with pytest.raises(CheckpointError) as caught:
        choose_checkpoints([f"pt={tmp_path}"], ["abc"], "pt")
    assert REPOSITORIES["pt"] not in caught.value.values["choices"]
    chosen = choose_checkpoints([f"pt={tmp_path}"], ["Qwen/Qwen3-ForcedAligner-0.6B=abc"])
    assert (chosen["pt"].folder, chosen["aligner"].revision) == (tmp_path, "abc")


def test_tiny_serves_all_roles():
    tiny = dict.fromkeys(REPOSITORIES, TINY) | {"aligner": TINY_ALIGNER}
    assert choose_checkpoints(["tiny"]) == tiny


def test_folders_are_given_by_role_and_later_choices_win(tmp_path):
    chosen = choose_checkpoints(["tiny", f"base={tmp_path}", str(tmp_path / "mine")], role="pt")
    assert chosen["base"].folder == tmp_path
    assert chosen["pt"].folder == tmp_path / "mine"
    assert chosen["aligner"] == TINY_ALIGNER


def test_tiny_is_the_embedded_checkpoint_of_the_role():
    chosen = choose_checkpoints(["pt=tiny", "aligner=tiny"])
    assert (chosen["pt"], chosen["aligner"]) == (TINY, TINY_ALIGNER)


def test_a_folder_without_a_role_is_an_error(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        choose_checkpoints([str(tmp_path)])
    assert caught.value.code == "unnamed_checkpoint"


@pytest.mark.parametrize("choices", [["aligner=mine", "pt=mine"], ["tiny", f"pt={TINY_ALIGNER.folder}"]])
def test_a_folder_is_not_both_the_aligner_and_another_model(choices):
    with pytest.raises(CheckpointError, match="is given as the aligner and for pt, and can't be both") as caught:
        choose_checkpoints(choices)
    assert caught.value.code == "aligner_twice"


def test_a_folder_serves_the_given_role_only(tmp_path):
    assert choose_checkpoints([str(tmp_path)], role="translation") == CHECKPOINTS | {
        "translation": Checkpoint(folder=tmp_path)
    }


@pytest.mark.parametrize("choice", [str(TINY.folder), f"pt={TINY.folder}", "pt=tiny"])
def test_the_embedded_checkpoint_is_known_by_its_folder(choice):
    """With its window, which is shorter than that of the real one."""
    assert choose_checkpoints([choice], role="pt")["pt"] == TINY


def test_a_home_folder_is_expanded():
    assert choose_checkpoints(["pt=~/models"])["pt"].folder == (Path.home() / "models").resolve()


def test_an_unknown_name_is_part_of_a_folders_name():
    """`a=b` may be a folder."""
    assert choose_checkpoints(["a=b"], role="pt")["pt"].folder == Path("a=b").resolve()


@pytest.mark.parametrize(
    ("pin", "fetched"),
    [
        ("abc", "yuriyvnv/Qwen3-ASR-1.7B-PT (revision abc)"),
        ("yuriyvnv/Qwen3-ASR-1.7B-PT=abc", "yuriyvnv/Qwen3-ASR-1.7B-PT (revision abc)"),
        ("Qwen/Qwen3-ForcedAligner-0.6B=abc", "yuriyvnv/Qwen3-ASR-1.7B-PT (revision main)"),
    ],
)
def test_the_command_line_pins_revisions(capsys, pin, fetched):
    assert main([str(one_recording("pt").path), "--direction", "pt", "--revision", pin]) == 1
    assert f"error: {fetched}" in capsys.readouterr().err
