"""Features and embeddings are those of the original code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kikitori.model import encoder
from tests.support.clips import NOISE


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.3, 0.999, 1.0, 1.01, 7.99, 8.0, 8.01, 21.37])
def test_features_are_those_of_whispers_extractor(tiny, seconds):
    waveform = NOISE[: int(seconds * 16000)]
    original = tiny.qwen.processor.feature_extractor(waveform, sampling_rate=16000, padding=True, truncation=False)
    longer = encoder.log_mel([waveform, NOISE], tiny.filters)
    expected = original["input_features"][0]
    np.testing.assert_allclose(longer[0, :, : expected.shape[1]].numpy(), expected, atol=2e-4)
    assert not longer[0, :, expected.shape[1] :].any()


def test_features_do_not_depend_on_torchs_default_dtype(tiny):
    """transformers changes it while another thread loads a checkpoint."""
    expected = encoder.log_mel([NOISE], tiny.filters)
    torch.set_default_dtype(torch.bfloat16)
    try:
        assert torch.equal(encoder.log_mel([NOISE], tiny.filters), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def original_embeddings(tower, mel: torch.Tensor, windowed: bool) -> torch.Tensor:
    """The original encoder's embeddings. windowed: with the mask that its code builds but does not pass under sdpa."""
    if windowed:
        forward = type(tower.layers[0].self_attn).forward

        def masked(attention, hidden_states, cu_seqlens=None, **options):
            mask = tower._prepare_attention_mask(hidden_states, cu_seqlens)
            return forward(attention, hidden_states, cu_seqlens, attention_mask=mask)

        for layer in tower.layers:
            layer.self_attn.forward = masked.__get__(layer.self_attn)
    try:
        with torch.no_grad():
            return tower(mel, feature_lens=torch.tensor([mel.shape[1]])).last_hidden_state
    finally:
        for layer in tower.layers:
            layer.self_attn.__dict__.pop("forward", None)


@pytest.mark.slow
@pytest.mark.parametrize("attention", encoder.ATTENTION_MODES)
def test_embeddings_are_those_of_the_original_encoder(tiny, attention):
    waveforms = [NOISE[: int(seconds * 16000)] for seconds in (1.0, 3.21, 8.0, 8.5, 16.0, 23.456)]
    tower = tiny.qwen.model.thinker.audio_tower
    tokens = [encoder.audio_tokens(len(waveform)) for waveform in waveforms]
    with torch.no_grad():
        embeddings = encoder.encode(tower, encoder.log_mel(waveforms, tiny.filters), tokens, attention)
    for waveform, count, ours in zip(waveforms, tokens, embeddings, strict=True):
        mel = encoder.log_mel([waveform], tiny.filters)[0]
        expected = original_embeddings(tower, mel, attention == "windowed")
        assert expected.shape == (count, ours.shape[1])
        torch.testing.assert_close(ours[:count], expected, atol=2e-4, rtol=1e-3)


def test_full_and_windowed_attention_differ_only_beyond_eight_seconds(tiny):
    tower = tiny.qwen.model.thinker.audio_tower
    for seconds, alike in ((8, True), (9, False)):
        mels = encoder.log_mel([NOISE[: seconds * 16000]], tiny.filters)
        with torch.no_grad():
            full, windowed = (encoder.encode(tower, mels, [13 * seconds], mode) for mode in encoder.ATTENTION_MODES)
        assert torch.allclose(full, windowed, atol=1e-4) == alike
