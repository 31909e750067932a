"""The stock model's weights run on a padded batch: log-mel features, audio encoder, decoder.

The stock encoder takes one clip at a time. Run as one batch with a mask on the keys it gives the same numbers
(tests/test_training.py) and is much faster, which is what training on two cores needs.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

FRAMES_PER_CHUNK = 100
"""2 * n_window: the encoder's convolutions see one second at a time."""


def log_mel(waveform: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    """Whisper's features: (samples,) float32 at 16 kHz -> (128, samples // 160) float32.

    `filters` is WhisperFeatureExtractor's `mel_filters` as (128, 201).
    """
    window = torch.hann_window(400, device=waveform.device)
    spectrum = torch.stft(waveform, 400, 160, window=window, return_complex=True)[:, :-1]
    mel = torch.clamp(filters @ spectrum.abs() ** 2, min=1e-10).log10()
    return (torch.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0


def tokens_after_convolutions(frames: int) -> int:
    """Length after three convolutions of stride 2, second by second: 13 tokens a full second."""
    tokens = frames % FRAMES_PER_CHUNK
    for _ in range(3):
        tokens = (tokens + 1) // 2
    return tokens + frames // FRAMES_PER_CHUNK * 13


def token_times(tokens: int) -> list[float]:
    """The middle of what each of a clip's audio tokens covers, in seconds: (tokens,)."""
    return [token // 13 + (token % 13) * 0.08 + 0.04 for token in range(tokens)]


def encode(tower, mels: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the audio encoder and projector on a batch.

    mels: clips' features, each (128, frames). Returns embeddings (clips, longest, output_dim) and the mask
    (clips, longest), True where a clip has a token.
    """
    chunks, chunk_tokens = [], []
    for mel in mels:
        for chunk in mel.split(FRAMES_PER_CHUNK, dim=1):
            chunks.append(F.pad(chunk, (0, FRAMES_PER_CHUNK - chunk.shape[1])))
            chunk_tokens.append(tokens_after_convolutions(chunk.shape[1]))
    x = torch.stack(chunks).unsqueeze(1)
    for convolution in (tower.conv2d1, tower.conv2d2, tower.conv2d3):
        x = F.gelu(convolution(x))
    x = tower.conv_out(x.permute(0, 3, 1, 2).flatten(2))
    x = x + tower.positional_embedding.positional_embedding[: x.shape[1]]
    kept = torch.arange(x.shape[1], device=x.device) < torch.tensor(chunk_tokens, device=x.device)[:, None]
    lengths = [tokens_after_convolutions(mel.shape[1]) for mel in mels]
    x = pad_sequence(list(x[kept].split(lengths)), batch_first=True)
    mask = torch.arange(x.shape[1], device=x.device) < torch.tensor(lengths, device=x.device)[:, None]
    for layer in tower.layers:
        x = x + _attend(layer.self_attn, layer.self_attn_layer_norm(x), mask)
        x = x + layer.fc2(layer.activation_fn(layer.fc1(layer.final_layer_norm(x))))
    return tower.proj2(tower.act(tower.proj1(tower.ln_post(x)))), mask


def _attend(attention, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    batch, length, _ = x.shape

    def heads(projection) -> torch.Tensor:
        return projection(x).view(batch, length, attention.num_heads, -1).transpose(1, 2)

    y = F.scaled_dot_product_attention(
        heads(attention.q_proj),
        heads(attention.k_proj),
        heads(attention.v_proj),
        attn_mask=mask[:, None, None, :],
    )
    return attention.out_proj(y.transpose(1, 2).flatten(2))


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
