"""Waveforms -> audio embeddings, many clips at once, on the stock encoder's weights.

The stock encoder takes one clip at a time and reads lengths back from the device. Here lengths stay on the host and
clips are padded; each clip's numbers are those it would get alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

FFT_SAMPLES, HOP_SAMPLES = 400, 160
"""Whisper's features, 100 frames a second."""
FRAMES_PER_CHUNK = 100
"""2 * n_window: the convolutions see one second at a time."""
TOKENS_PER_CHUNK = 13
CHUNKS_AT_ONCE_ON_CUDA, CHUNKS_AT_ONCE = 64, 8
"""Seconds that go through the convolutions together: their outputs are the largest tensors of all. More of them are
launched less often on CUDA, and no faster on a CPU."""
ATTENTION_MODES = ("full", "windowed")
"""What a token of a clip sees: all of the clip, as the stock model does under sdpa, or its stretch of
`n_window_infer` frames (8 s), as it does under FlashAttention 2 and in vLLM."""


def is_alone(samples: int) -> bool:
    """Whether a clip can't share a batch: the stock encoder pads what is shorter than a chunk differently."""
    return samples < FRAMES_PER_CHUNK * HOP_SAMPLES


def chunks_at_once(device: torch.device) -> int:
    """How many seconds go through the convolutions together."""
    return CHUNKS_AT_ONCE_ON_CUDA if device.type == "cuda" else CHUNKS_AT_ONCE


def audio_tokens(samples: int) -> int:
    """How many embeddings a clip becomes: 13 a second, and fewer for its last part of a second."""
    chunks, rest = divmod(samples // HOP_SAMPLES, FRAMES_PER_CHUNK)
    for _ in range(3):
        rest = (rest + 1) // 2
    return chunks * TOKENS_PER_CHUNK + rest


def mel_filters(processor, device) -> torch.Tensor:
    """The feature extractor's filters: (128, 201) float32."""
    return torch.tensor(processor.feature_extractor.mel_filters.T, dtype=torch.float32, device=device)


def log_mel(waveforms: list, filters: torch.Tensor) -> torch.Tensor:
    """Whisper's features of clips (samples,) float32 at 16 kHz: (clips, 128, frames of the longest), 0 after a clip.

    Equals WhisperFeatureExtractor on each clip alone, whose edges are mirrored, not padded with silence.
    """
    half = FFT_SAMPLES // 2
    longest = max(map(len, waveforms))
    padded = torch.zeros(len(waveforms), longest + 2 * half)
    for row, waveform in enumerate(waveforms):
        clip = torch.from_numpy(waveform)
        padded[row, : len(clip) + 2 * half] = F.pad(clip[None, None], (half, half), mode="reflect")[0, 0]
    padded = padded.to(filters.device)
    window = torch.hann_window(FFT_SAMPLES, device=filters.device)
    spectrum = torch.stft(padded, FFT_SAMPLES, HOP_SAMPLES, window=window, center=False, return_complex=True)
    mel = torch.clamp(filters @ spectrum[:, :, : longest // HOP_SAMPLES].abs() ** 2, min=1e-10).log10()
    frames = torch.tensor([len(waveform) // HOP_SAMPLES for waveform in waveforms], device=mel.device)
    heard = (torch.arange(mel.shape[2], device=mel.device) < frames[:, None])[:, None]
    loudest = mel.masked_fill(~heard, -10.0).amax(dim=(1, 2), keepdim=True)
    return ((torch.maximum(mel, loudest - 8.0) + 4.0) / 4.0).masked_fill(~heard, 0.0)


def encode(tower, mels: torch.Tensor, tokens: list[int], attention: str = "full") -> torch.Tensor:
    """Run the audio encoder and its projector.

    tower: the stock model's `thinker.audio_tower`. mels: (clips, 128, frames) from `log_mel`, in the model's dtype.
    tokens: `audio_tokens` of each clip. attention: one of ATTENTION_MODES. Returns (clips, longest, output_dim); what
    follows a clip's last token means nothing.
    """
    x = _convolve(tower, mels)[:, : max(tokens)]
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


def _convolve(tower, mels: torch.Tensor) -> torch.Tensor:
    """Features -> (clips, tokens, d_model), second by second, with each second's positions added."""
    clips, bins, frames = mels.shape
    if frames > FRAMES_PER_CHUNK:
        mels = F.pad(mels, (0, -frames % FRAMES_PER_CHUNK))
    chunk = min(frames, FRAMES_PER_CHUNK)
    chunks = mels.reshape(clips, bins, -1, chunk).transpose(1, 2).reshape(-1, 1, bins, chunk)
    if chunks.device.type == "cpu":
        # The convolutions are faster there with channels last.
        chunks = chunks.to(memory_format=torch.channels_last)
    outputs = []
    for x in chunks.split(chunks_at_once(chunks.device)):
        for convolution in (tower.conv2d1, tower.conv2d2, tower.conv2d3):
            x = F.gelu(convolution(x))
        outputs.append(tower.conv_out(x.permute(0, 3, 1, 2).flatten(2)))
    x = torch.cat(outputs)
    x = x + tower.positional_embedding.positional_embedding[: x.shape[1]].to(x.dtype)
    return x.reshape(clips, -1, x.shape[2])


def _key_mask(tokens: list[int], width: int, like: torch.Tensor) -> torch.Tensor:
    """What is added to attention's logits so that nothing looks past a clip's end: (clips, width)."""
    after = torch.arange(width) >= torch.tensor(tokens)[:, None]
    # The least number, not -inf: a stretch without any token would become NaN.
    return torch.zeros(after.shape, dtype=like.dtype).masked_fill(after, torch.finfo(like.dtype).min).to(like.device)


def _attend(attention, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    def heads(projection) -> torch.Tensor:
        return projection(x).unflatten(2, (attention.num_heads, -1)).transpose(1, 2)

    query, key, value = heads(attention.q_proj), heads(attention.k_proj), heads(attention.v_proj)
    y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    return attention.out_proj(y.transpose(1, 2).flatten(2))
