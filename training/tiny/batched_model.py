"""The stock model's weights run on a padded batch, with gradients: what the encoder hears, what the decoder writes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from kikitori.model.encoder import audio_tokens, encode, log_mel


def token_times(tokens: int) -> list[float]:
    """The middle of what each of a clip's audio tokens covers, in seconds: (tokens,)."""
    return [token // 13 + (token % 13) * 0.08 + 0.04 for token in range(tokens)]


def hear(tower, waveforms: list[np.ndarray], filters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the audio encoder and projector on a batch.

    waveforms: float32 mono 16 kHz, (samples,) each. filters: from `kikitori.model.encoder.mel_filters`.
    Returns embeddings (clips, longest, output_dim) and the mask (clips, longest), True where a clip has a token.
    """
    tokens = [audio_tokens(len(waveform)) for waveform in waveforms]
    x = encode(tower, log_mel(waveforms, filters), tokens)
    return x, torch.arange(x.shape[1], device=x.device) < torch.tensor(tokens, device=x.device)[:, None]


@dataclass(frozen=True)
class Pass:
    """What the decoder makes of a batch."""

    logits: torch.Tensor
    """Of every token of every answer, one after another: (tokens, vocabulary)."""
    targets: torch.Tensor
    """Those tokens: (tokens,)."""
    layers: tuple[torch.Tensor, ...]
    """What goes into the first layer, into the second… and what comes out in the end, normalised: (clips, tokens,
    hidden) each, of the prompt up to the longest clip's last audio token."""
    audio_starts: int
    """The place of the first audio token, the same in every clip."""


def run_decoder(
    thinker, audio: torch.Tensor, audio_mask: torch.Tensor, prompts: list[list[int]], answers: list[list[int]]
) -> Pass:
    """Run the decoder on clips' embeddings, with the answers given (teacher forcing).

    prompts: token ids with one placeholder (the audio token) each, replaced by the clip's embeddings.
    """
    embed = thinker.model.embed_tokens
    device = audio.device
    (place,) = {prompt.index(thinker.config.audio_token_id) for prompt in prompts}
    rows = []
    for embeddings, kept, prompt, answer in zip(audio, audio_mask, prompts, answers, strict=True):
        text = embed(torch.tensor(prompt[:place] + prompt[place + 1 :] + answer, device=device))
        rows.append(torch.cat([text[:place], embeddings[kept], text[place:]]))
    lengths = [len(row) for row in rows]
    x = pad_sequence(rows, batch_first=True)
    positions = torch.arange(x.shape[1], device=device)
    mask = (positions < torch.tensor(lengths, device=device)[:, None]).long()
    made = thinker.model(inputs_embeds=x, attention_mask=mask, use_cache=False, output_hidden_states=True)
    hidden = made.last_hidden_state
    # Each token is predicted by the position before it.
    predicting = [
        hidden[row, length - 1 - len(answer) : length - 1]
        for row, (length, answer) in enumerate(zip(lengths, answers, strict=True))
    ]
    targets = torch.tensor([token for answer in answers for token in answer], device=device)
    heard = place + audio.shape[1]
    layers = tuple(layer[:, :heard] for layer in (*made.hidden_states[: len(thinker.model.layers)], hidden))
    return Pass(thinker.lm_head(torch.cat(predicting)), targets, layers, place)


def attention_logits(decoder, number: int, x: torch.Tensor, heads: slice) -> torch.Tensor:
    """What a layer's heads look at, before the softmax: (clips, heads, tokens, tokens), -1e4 where they can't look.

    x: what goes into the layer, (clips, tokens, hidden), from the prompt's start. heads: of its query heads some that
    share the first key head. The layer itself does not give its weights away.
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
    logits = query[:, heads] @ key[:, :1].transpose(2, 3) * attention.scaling
    return logits.masked_fill(places > places[:, None], -1e4)
