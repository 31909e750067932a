"""Runs Qwen3-ASR's encoder and decoder on padded batches, with gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from kikitori.model.encoder import audio_tokens, encode, log_mel


def token_times(tokens: int) -> list[float]:
    """Return the middle of the time that each audio token covers, in seconds: (tokens,)."""
    return [token // 13 + (token % 13) * 0.08 + 0.04 for token in range(tokens)]


def encode_audio(tower, waveforms: list[np.ndarray], filters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the audio encoder and projector on a batch.

    waveforms: float32 mono 16 kHz, (samples,) each. filters: from `kikitori.model.encoder.mel_filters`.
    Returns embeddings (clips, longest, output_dim), and a mask (clips, longest) that is False for padding.
    """
    tokens = [audio_tokens(len(waveform)) for waveform in waveforms]
    x = encode(tower, log_mel(waveforms, filters), tokens)
    return x, torch.arange(x.shape[1], device=x.device) < torch.tensor(tokens, device=x.device)[:, None]


@dataclass(frozen=True)
class DecoderPass:
    """The decoder's outputs for a batch."""

    logits: torch.Tensor
    """For every token of every answer, concatenated: (tokens, vocabulary)."""
    targets: torch.Tensor
    """The answers' token ids, concatenated: (tokens,)."""
    layers: tuple[torch.Tensor, ...]
    """The input of each layer, and the normalised output of the last one: (clips, tokens, hidden) each."""
    audio_starts: int
    """Position of the first audio token, the same in all clips."""
    audio_ends: int
    """Position after the last audio token of the longest clip."""
    prompt_starts: torch.Tensor
    """Position of the first token of each clip, (clips,) int64. Shorter prompts are padded at the start."""

    def at_audio(self, layer: int) -> torch.Tensor:
        """Return one of `layers` at the audio tokens: (clips, audio tokens, hidden)."""
        return self.layers[layer][:, self.audio_starts : self.audio_ends]


def run_decoder(
    thinker, audio: torch.Tensor, audio_mask: torch.Tensor, prompts: list[list[int]], answers: list[list[int]]
) -> DecoderPass:
    """Run the decoder on encoded clips with teacher forcing.

    Shorter prompts are padded at the start, so that the audio starts at the same position in all clips. Positions are
    relative, so this changes nothing.

    audio, audio_mask: from `encode_audio`. prompts: token ids, each with one audio token, which is replaced by the
    clip's embeddings. answers: token ids.
    """
    embed = thinker.model.embed_tokens
    device = audio.device
    places = [prompt.index(thinker.config.audio_token_id) for prompt in prompts]
    audio_starts = max(places)
    padding = prompts[0][0]  # masked; any token will do
    rows = []
    for embeddings, kept, prompt, answer, place in zip(audio, audio_mask, prompts, answers, places, strict=True):
        before = [padding] * (audio_starts - place) + prompt[:place]
        text = embed(torch.tensor(before + prompt[place + 1 :] + answer, device=device))
        rows.append(torch.cat([text[:audio_starts], embeddings[kept], text[audio_starts:]]))
    lengths = [len(row) for row in rows]
    x = pad_sequence(rows, batch_first=True)
    starts = audio_starts - torch.tensor(places, device=device)
    seen = seen_places(starts, x.shape[1])
    output = thinker.model(inputs_embeds=x, attention_mask=seen, use_cache=False, output_hidden_states=True)
    hidden = output.last_hidden_state
    # Each token is predicted from the position before it.
    predicting = [
        hidden[row, length - 1 - len(answer) : length - 1]
        for row, (length, answer) in enumerate(zip(lengths, answers, strict=True))
    ]
    targets = torch.tensor([token for answer in answers for token in answer], device=device)
    layers = (*output.hidden_states[: len(thinker.model.layers)], hidden)
    logits = thinker.lm_head(torch.cat(predicting))
    return DecoderPass(logits, targets, layers, audio_starts, audio_starts + audio.shape[1], starts)


def seen_places(starts: torch.Tensor, tokens: int) -> torch.Tensor:
    """Return which places each place attends to: (clips, 1, tokens, tokens) bool.

    They are those up to itself, without the padding at the start; padding sees only itself, because a softmax over
    nothing is not a number. starts: position of each clip's first token, (clips,) int64.
    """
    places = torch.arange(tokens, device=starts.device)
    inside = (places <= places[:, None]) & (places >= starts[:, None, None, None])
    return inside | (places == places[:, None])


def attention_logits(
    decoder, number: int, x: torch.Tensor, heads: slice, starts: torch.Tensor | None = None
) -> torch.Tensor:
    """Return attention logits of one layer, (clips, heads, tokens, tokens); masked ones are -1e4.

    The layer's own attention does not return them. x: the layer's input, (clips, tokens, hidden), from the start of the
    prompt. heads: query heads that share a key head. starts: position of each clip's first token, (clips,)
    int64; the tokens before are masked.
    """
    from qwen_asr.core.transformers_backend.modeling_qwen3_asr import apply_rotary_pos_emb

    layer = decoder.layers[number]
    attention = layer.self_attn
    x = layer.input_layernorm(x)
    shape = (*x.shape[:2], -1, attention.head_dim)
    query = attention.q_norm(attention.q_proj(x).view(shape)).transpose(1, 2)
    key = attention.k_norm(attention.k_proj(x).view(shape)).transpose(1, 2)
    places = torch.arange(x.shape[1], device=x.device)
    query, key = apply_rotary_pos_emb(query, key, *decoder.rotary_emb(x, places.expand(3, len(x), -1)))
    shared = (heads.start or 0) // attention.num_key_value_groups
    logits = query[:, heads] @ key[:, shared : shared + 1].transpose(2, 3) * attention.scaling
    starts = places.new_zeros(len(x)) if starts is None else starts
    return logits.masked_fill(~seen_places(starts, x.shape[1]), -1e4)
