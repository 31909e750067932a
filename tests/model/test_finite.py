"""A checkpoint with numbers that are not finite is an error that names the tensor or the layer, not a text."""

from __future__ import annotations

import math
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from kikitori.audio.files import load_audio
from kikitori.errors import CheckpointError
from kikitori.model.finite import is_finite
from kikitori.model.generate import decode
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.tasks import TINY
from tests.support.recordings import example, one_recording

WAVEFORM = load_audio(example("portuguese_daily").path)
SHORT = load_audio(one_recording("pt").path)


def with_number(recognizer: Recognizer, name: str, number: float) -> Recognizer:
    """Put one number into a weight of a loaded model."""
    with torch.no_grad():
        dict(recognizer.qwen.model.named_parameters())[name].view(-1)[0] = number
    return recognizer


@pytest.mark.slow
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_broken_weight_is_named_when_the_checkpoint_is_loaded(tmp_path, number):
    folder = shutil.copytree(TINY.folder, tmp_path / "mine")
    weights = load_file(folder / "model.safetensors")
    weights["thinker.model.layers.1.mlp.down_proj.weight"][-1, -1] = number
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"thinker\.model\.layers\.1\.mlp\.down_proj\.weight holds NaN") as caught:
        load_recognizer(str(folder))
    assert caught.value.code == "weights_not_finite"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("thinker.audio_tower.layers.0.fc1.weight", "thinker.audio_tower.layers.0.fc1"),
        ("thinker.model.layers.2.self_attn.q_proj.weight", "thinker.model.layers.2.self_attn.q_proj"),
        ("thinker.model.layers.1.mlp.down_proj.weight", "thinker.model.layers.1.mlp.down_proj"),
    ],
)
def test_a_layer_that_overflows_is_named(name, layer):
    """3e38 is finite, as a flipped bit makes it; the products are not."""
    recognizer = with_number(load_recognizer(str(TINY.folder)), name, 3e38)
    for waveforms in ([WAVEFORM], [WAVEFORM, SHORT]):
        with pytest.raises(CheckpointError, match="NaN or infinity") as caught:
            decode(recognizer, waveforms, "Portuguese")
        assert (caught.value.code, caught.value.values["layer"]) == ("output_not_finite", layer)


@pytest.mark.slow
def test_a_number_that_breaks_only_a_later_token_is_an_error_too():
    """The embedding of the first token that is written overflows, so that the logits break with the second."""
    recognizer = load_recognizer(str(TINY.folder))
    (result,) = decode(recognizer, [WAVEFORM], "Portuguese")
    with torch.no_grad():
        recognizer.decoder.embeddings[result.ids[0]] = 3e38
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        decode(recognizer, [WAVEFORM], "Portuguese")


def test_numbers_are_finite_or_not():
    assert is_finite(torch.tensor([3e38, -3e38]))
    assert is_finite(torch.zeros(0))
    assert not is_finite(torch.tensor([0.0, math.nan]))
    assert not is_finite(torch.tensor([-math.inf, 0.0], dtype=torch.bfloat16))
