"""Waveforms -> audio embeddings, several clips at once, on the original encoder's weights.

The original encoder takes one clip at a time and reads lengths back from the device. Here lengths stay on the host and
clips are padded. Each clip's numbers are those that it would get alone.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import nn
    from transformers import ProcessorMixin

# Whisper's features: 25 ms per frame, 100 frames per second.
FFT_SAMPLES, HOP_SAMPLES = 400, 160
FRAMES_PER_CHUNK = 100  # 2 * n_window of the checkpoint: the convolutions see one second at a time
TOKENS_PER_CHUNK = 13
# Seconds of audio per convolution batch. Their outputs are the largest tensors of all, so this bounds the peak memory.
# Larger batches save launches on CUDA and gain nothing on a CPU.
CHUNKS_AT_ONCE_ON_CUDA, CHUNKS_AT_ONCE = 64, 8
SAME_FEATURES = 1e-4
"""By how much features may differ that count as equal: what rounding does to them. Their range is about 3."""
ATTENTION_MODES = ("full", "windowed")
"""How far attention reaches: over the whole clip, as in the original model under sdpa, or over windows of
`n_window_infer` frames (8 s), as in the original model under FlashAttention 2 and in vLLM."""


def is_below_one_chunk(samples: int) -> bool:
    """Return whether a clip is shorter than a chunk.

    Such a clip can't be encoded together with others: the original encoder pads it in another way.
    """
    return samples < FRAMES_PER_CHUNK * HOP_SAMPLES


def chunks_at_once(device: torch.device) -> int:
    """Return how many seconds of audio go through the convolutions together."""
    return CHUNKS_AT_ONCE_ON_CUDA if device.type == "cuda" else CHUNKS_AT_ONCE


def audio_tokens(samples: int) -> int:
    """Return how many embeddings a clip becomes: 13 per second, fewer for a last part of a second."""
    chunks, rest = divmod(samples // HOP_SAMPLES, FRAMES_PER_CHUNK)
    for _ in range(3):
        rest = (rest + 1) // 2
    return chunks * TOKENS_PER_CHUNK + rest


def mel_filters(processor: ProcessorMixin, device: torch.device | str) -> torch.Tensor:
    """Return the mel filters of a processor's feature extractor: (128, 201) float32."""
    return torch.tensor(processor.feature_extractor.mel_filters.T, dtype=torch.float32, device=device)


def log_mel(waveforms: list[np.ndarray], filters: torch.Tensor) -> torch.Tensor:
    """Compute Whisper's features: (clips, 128, frames of the longest) float32, 0 after a clip's end.

    waveforms: float32 mono 16 kHz, (samples,) each. Equal to WhisperFeatureExtractor's features of each clip alone;
    it mirrors a clip's edges instead of padding them with silence.
    """
    half = FFT_SAMPLES // 2
    longest = max(map(len, waveforms))
    # The dtypes are explicit: transformers changes torch's default while another thread loads a checkpoint.
    padded = torch.zeros(len(waveforms), longest + 2 * half, dtype=torch.float32)
    for row, waveform in enumerate(waveforms):
        clip = torch.from_numpy(waveform)
        padded[row, : len(clip) + 2 * half] = F.pad(clip[None, None], (half, half), mode="reflect")[0, 0]
    padded = padded.to(filters.device)
    window = torch.hann_window(FFT_SAMPLES, dtype=torch.float32, device=filters.device)
    spectrum = torch.stft(padded, FFT_SAMPLES, HOP_SAMPLES, window=window, center=False, return_complex=True)
    mel = torch.clamp(filters @ spectrum[:, :, : longest // HOP_SAMPLES].abs() ** 2, min=1e-10).log10()
    frames = torch.tensor([len(waveform) // HOP_SAMPLES for waveform in waveforms], device=mel.device)
    inside = (torch.arange(mel.shape[2], device=mel.device) < frames[:, None])[:, None]
    loudest = mel.masked_fill(~inside, -10.0).amax(dim=(1, 2), keepdim=True)
    return ((torch.maximum(mel, loudest - 8.0) + 4.0) / 4.0).masked_fill(~inside, 0.0)


class KeptChunks:
    """What the convolutions made of each second of a growing clip, so that a pass over it computes new seconds only.

    A second whose features have changed, for example because a louder sound has come, is computed again.
    computed: how many seconds were, so far.
    """

    def __init__(self):
        self.computed = 0
        self._chunks = self._outputs = None

    def convolve(self, chunks: torch.Tensor, compute: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
        """Return `compute` of chunks (seconds, 1, bins, frames), from what is kept as far as possible."""
        known = torch.zeros(len(chunks), dtype=torch.bool, device=chunks.device)
        if self._chunks is not None and self._chunks.shape[1:] == chunks.shape[1:]:
            both = min(len(chunks), len(self._chunks))
            known[:both] = (chunks[:both] - self._chunks[:both]).abs().amax(dim=(1, 2, 3)) <= SAME_FEATURES
        new = compute(chunks[~known]) if not known.all() else None
        if new is None:
            outputs = self._outputs[: len(chunks)]
        else:
            self.computed += len(new)
            outputs = new.new_empty(len(chunks), *new.shape[1:])
            outputs[~known] = new
            if known.any():
                outputs[known] = self._outputs[: len(chunks)][known[: len(self._outputs)]]
        self._chunks, self._outputs = chunks, outputs
        return outputs


def encode(
    tower: nn.Module, mels: torch.Tensor, tokens: list[int], attention: str = "full", kept: KeptChunks | None = None
) -> torch.Tensor:
    """Run the audio encoder and its projector. Returns embeddings (clips, longest, output_dim).

    tower: the original model's `thinker.audio_tower`. mels: (clips, 128, frames) from `log_mel`, in the model's dtype.
    tokens: `audio_tokens` of each clip; embeddings after a clip's last token are undefined. attention: one of
    ATTENTION_MODES. kept: of the same clip, if it is decoded again while it grows.
    """
    x = _convolve(tower, mels, kept)[:, : max(tokens)]
    clips, longest, width = x.shape
    window = longest
    if attention == "windowed":
        window = TOKENS_PER_CHUNK * (tower.n_window_infer // FRAMES_PER_CHUNK)
        x = F.pad(x, (0, 0, 0, -longest % window))
    mask = _key_mask(tokens, x.shape[1], x) if len(set(tokens)) > 1 or x.shape[1] > longest else None
    x = x.reshape(-1, min(window, x.shape[1]), width)
    if mask is not None:
        mask = mask.reshape(len(x), 1, 1, -1)
    for layer in tower.layers:
        x = x + _attend(layer.self_attn, layer.self_attn_layer_norm(x), mask)
        x = x + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(x))))
    x = tower.proj2(tower.act(tower.proj1(tower.ln_post(x))))
    return x.reshape(clips, -1, x.shape[2])[:, :longest]


def _convolve(tower: nn.Module, mels: torch.Tensor, kept: KeptChunks | None) -> torch.Tensor:
    """Turn features into (clips, tokens, d_model), second by second, and add each second's positions."""
    clips, bins, frames = mels.shape
    if frames > FRAMES_PER_CHUNK:
        mels = F.pad(mels, (0, -frames % FRAMES_PER_CHUNK))
    chunk = min(frames, FRAMES_PER_CHUNK)
    chunks = mels.reshape(clips, bins, -1, chunk).transpose(1, 2).reshape(-1, 1, bins, chunk)
    compute = partial(_convolve_chunks, tower)
    x = kept.convolve(chunks, compute) if kept else compute(chunks)
    x = x + tower.positional_embedding.positional_embedding[: x.shape[1]].to(x.dtype)
    return x.reshape(clips, -1, x.shape[2])


def _convolve_chunks(tower: nn.Module, chunks: torch.Tensor) -> torch.Tensor:
    """Turn chunks (seconds, 1, bins, frames) into (seconds, tokens, d_model)."""
    if chunks.device.type == "cpu":
        # A CPU's convolutions are faster with channels last.
        chunks = chunks.to(memory_format=torch.channels_last)
    outputs = []
    for x in chunks.split(chunks_at_once(chunks.device)):
        for convolution in (tower.conv2d1, tower.conv2d2, tower.conv2d3):
            x = F.gelu(convolution(x))
        outputs.append(tower.conv_out(x.permute(0, 3, 1, 2).flatten(2)))
    return torch.cat(outputs)


def _key_mask(tokens: list[int], width: int, like: torch.Tensor) -> torch.Tensor:
    """Return an additive mask (clips, width) that hides what follows a clip's end, on the device of `like`."""
    after = torch.arange(width) >= torch.tensor(tokens)[:, None]
    # The lowest number instead of -inf, because a window that is all padding would become NaN.
    return torch.zeros(after.shape, dtype=like.dtype).masked_fill(after, torch.finfo(like.dtype).min).to(like.device)


def _attend(attention: nn.Module, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    def heads(projection: nn.Linear) -> torch.Tensor:
        return projection(x).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)

    query, key, value = heads(attention.q_proj), heads(attention.k_proj), heads(attention.v_proj)
    y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return attention.out_proj(y.transpose(1, 2).flatten(2))
