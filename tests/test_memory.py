"""The memory that is computed for training is what tensors kept for the backward pass really take."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from conftest import ROOT
from torch import nn

from benchmarks.shapes import meta_model
from training.memory import LEARNED_BYTES, convolution_bytes, decoder_layer_bytes, main, memory_terms

pytestmark = pytest.mark.slow

TOKENS = 61


def kept_bytes(compute, is_counted) -> int:
    """What autograd keeps of a computation under autocast, of tensors counted by their shape; its inputs are not."""
    storages = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if is_counted(tensor.shape) and not tensor.is_leaf:
            storage = tensor.untyped_storage()
            storages[storage._cdata] = storage  # held, so that no address comes twice
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16):
        compute()
    return sum(storage.nbytes() for storage in storages.values())


@pytest.fixture(scope="module")
def model():
    return meta_model("1.7b")


def test_weights_take_18_bytes_each_where_all_learn(model):
    terms = memory_terms(model, 1, 30)
    assert terms["weights"] == LEARNED_BYTES * sum(parameter.numel() for parameter in model.parameters())
    assert round(terms["weights"] / 1e9, 1) == 36.7
    assert memory_terms(model, 1, 30, whole=False)["weights"] < 0.12 * terms["weights"]


def test_a_decoder_layer_keeps_what_is_computed(model):
    """One real layer on a few tokens."""
    decoder = model.thinker.model
    decoder.config._attn_implementation = "sdpa"
    layer = type(decoder.layers[0])(decoder.config, 0)
    positions = torch.arange(TOKENS).expand(3, 1, -1)
    states = torch.randn(1, TOKENS, decoder.config.hidden_size, requires_grad=True)
    turned = type(decoder.rotary_emb)(decoder.config)(states, positions)
    kept = kept_bytes(
        lambda: layer(states, position_embeddings=turned, attention_mask=None, position_ids=positions[0]),
        lambda shape: TOKENS in shape,
    )
    assert kept / TOKENS == pytest.approx(decoder_layer_bytes(decoder.config), rel=0.02)


def test_the_convolutions_keep_what_is_computed(model):
    """One second through the real stem, and a layer that keeps its result."""
    config = model.thinker.audio_tower.config
    channels = [1, *[config.downsample_hidden_size] * 3]
    stem = nn.Sequential()
    for inputs, outputs in pairwise(channels):
        stem.extend([nn.Conv2d(inputs, outputs, 3, 2, padding=1), nn.GELU()])
    stem.append(nn.Conv2d(config.downsample_hidden_size, 1, 1))
    second = torch.randn(1, 1, config.num_mel_bins, 100)
    kept = kept_bytes(lambda: stem(second), lambda shape: shape[:2] == (1, config.downsample_hidden_size))
    assert kept == pytest.approx(convolution_bytes(config), rel=0.02)


def test_the_readme_shows_what_is_computed(capsys):
    assert main() == 0
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for line in capsys.readouterr().out.splitlines()[2:]:
        assert line.partition(" | ")[2] in readme
