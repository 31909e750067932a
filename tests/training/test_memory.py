"""The estimated memory equals that of the tensors which autograd keeps for the backward pass."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch import nn

from benchmarks.served import ROOT
from benchmarks.shapes import meta_model
from training.memory import TRAINED_BYTES, convolution_bytes, decoder_layer_bytes, main, memory_terms, state_terms

pytestmark = pytest.mark.slow

TOKENS = 61


def kept_bytes(compute, is_counted) -> int:
    """Return the bytes that autograd keeps of a computation under autocast.

    is_counted(shape) selects the tensors to count. Inputs are not counted.
    """
    storages = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if is_counted(tensor.shape) and not tensor.is_leaf:
            storage = tensor.untyped_storage()
            storages[storage._cdata] = storage  # a reference to it, so that its address is not reused
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16):
        compute()
    return sum(storage.nbytes() for storage in storages.values())


@pytest.fixture(scope="module")
def model():
    return meta_model("1.7b")


def test_trained_weights_take_18_bytes_each(model):
    terms = memory_terms(model, 1, 30)
    assert terms["weights"] == TRAINED_BYTES * sum(parameter.numel() for parameter in model.parameters())
    assert round(terms["weights"] / 1e9, 1) == 36.7
    assert memory_terms(model, 1, 30, whole=False)["weights"] < 0.12 * terms["weights"]


def test_gpus_share_all_but_what_each_has_collected(model):
    """The parameters are counted by hand, from the sizes in the checkpoint's config.json."""
    attention, head_norms, norms = 2 * 2048 * 2048 + 2 * 2048 * 1024, 2 * 128, 2 * 2048
    decoder_layer = attention + head_norms + norms + 3 * 2048 * 6144
    encoder_layer = 4 * (1024 * 1024 + 1024) + 4096 * 1024 + 4096 + 1024 * 4096 + 1024 + 2 * 2 * 1024
    embedding, decoder_norm = 151936 * 2048, 2048
    convolutions = 480 * 9 + 480 + 2 * (480 * 480 * 9 + 480) + 7680 * 1024
    projector, encoder_norm = 1024 * 1024 + 1024 + 2048 * 1024 + 2048, 2 * 1024
    outside = embedding + decoder_norm + convolutions + projector + encoder_norm
    parameters = outside + 24 * encoder_layer + 28 * decoder_layer

    copies = 8 * (outside + 2 * decoder_layer)
    for gpus in (2, 4, 8):
        share = 4 * parameters / gpus
        terms = {"weights": share, "gradients": share, "optimiser": 2 * share, "copies": copies}
        assert state_terms(model, gpus) == terms
    assert sum(state_terms(model, 1).values()) == memory_terms(model, 1, 30)["weights"] == 18 * parameters


def test_the_estimate_for_a_decoder_layer_is_right(model):
    """Runs a layer of the real size on a few tokens."""
    decoder = model.thinker.model
    decoder.config._attn_implementation = "sdpa"
    layer = type(decoder.layers[0])(decoder.config, 0)
    positions = torch.arange(TOKENS).expand(3, 1, -1)
    states = torch.randn(1, TOKENS, decoder.config.hidden_size, requires_grad=True)
    rotations = type(decoder.rotary_emb)(decoder.config)(states, positions)
    kept = kept_bytes(
        lambda: layer(states, position_embeddings=rotations, attention_mask=None, position_ids=positions[0]),
        lambda shape: TOKENS in shape,
    )
    assert kept / TOKENS == pytest.approx(decoder_layer_bytes(decoder.config), rel=0.02)


def test_the_estimate_for_the_convolutions_is_right(model):
    """Runs one second through convolutions of the real size. A last layer keeps their output for its backward pass."""
    config = model.thinker.audio_tower.config
    channels = [1, *[config.downsample_hidden_size] * 3]
    stem = nn.Sequential()
    for inputs, outputs in pairwise(channels):
        stem.extend([nn.Conv2d(inputs, outputs, 3, 2, padding=1), nn.GELU()])
    stem.append(nn.Conv2d(config.downsample_hidden_size, 1, 1))
    second = torch.randn(1, 1, config.num_mel_bins, 100)
    kept = kept_bytes(lambda: stem(second), lambda shape: shape[:2] == (1, config.downsample_hidden_size))
    assert kept == pytest.approx(convolution_bytes(config), rel=0.02)


def test_the_documentation_shows_the_printed_table(capsys):
    assert main() == 0
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    documentation = "".join(page.read_text(encoding="utf-8") for page in pages)
    for line in capsys.readouterr().out.splitlines()[2:]:
        assert line.partition(" | ")[2] in documentation
