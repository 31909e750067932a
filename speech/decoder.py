"""The stock text model's weights with a static cache: prefill of many prompts, and a step of few operations.

What is left out of the stock forward is what greedy decoding does not need: logits of the prompt, masks built anew,
positions in three rows that are equal here, normalisation through float32 where `F.rms_norm` does it inside.
"""

import torch
import torch.nn.functional as F

MIN_BUCKET = 256
"""The cache's length is this or twice, four times… as much."""


def bucket(length: int) -> int:
    """The least bucket that holds so many tokens."""
    return max(MIN_BUCKET, 1 << (length - 1).bit_length())


class Layer:
    """One decoder layer's weights: query, key and value in one matrix, gate and up in another.

    The stock projections become views of them, so that no weight is held twice.
    """

    def __init__(self, stock):
        attention, mlp = stock.self_attn, stock.mlp
        self.qkv = _fuse(attention.q_proj, attention.k_proj, attention.v_proj)
        self.gate_up = _fuse(mlp.gate_proj, mlp.up_proj)
        self.out, self.down = attention.o_proj.weight, mlp.down_proj.weight
        self.before, self.after = stock.input_layernorm.weight, stock.post_attention_layernorm.weight
        self.query_norm, self.key_norm = attention.q_norm.weight, attention.k_norm.weight


def _fuse(*projections) -> torch.Tensor:
    """The projections' weights one under the other; each projection's own becomes a view."""
    fused = torch.cat([projection.weight.data for projection in projections])
    parts = fused.split([projection.out_features for projection in projections])
    for projection, part in zip(projections, parts, strict=True):
        projection.weight.data = part
    return fused


class Cache:
    """Keys and values of some rows: (layers, 2, rows, key heads, length, head_dim); a slot is a token's position."""

    def __init__(self, decoder: "Decoder", rows: int, length: int):
        shape = (len(decoder.layers), 2, rows, decoder.key_heads, length, decoder.head_dim)
        self.data = torch.zeros(shape, dtype=decoder.dtype, device=decoder.device)

    @property
    def length(self) -> int:
        """How many tokens a row can hold."""
        return self.data.shape[4]

    def keep(self, rows: torch.Tensor) -> None:
        """Only these rows stay, in this order."""
        self.data = self.data[:, :, rows]

    def grow(self, length: int) -> None:
        """Room for more tokens a row."""
        self.data = F.pad(self.data, (0, 0, 0, length - self.length))


class Decoder:
    """The text model of a `Qwen3ASRModel`'s thinker."""

    @torch.no_grad()
    def __init__(self, thinker):
        config = thinker.config.text_config
        model = thinker.model
        self.embeddings = model.embed_tokens.weight
        self.layers = [Layer(layer) for layer in model.layers]
        self.norm, self.head = model.norm.weight, thinker.lm_head.weight
        self.eps = config.rms_norm_eps
        self.heads, self.key_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = model.layers[0].self_attn.head_dim
        self.dtype, self.device = self.embeddings.dtype, self.embeddings.device
        self._rotary = model.rotary_emb
        self._cos = self._sin = torch.empty(0, self.head_dim)

    def rotations(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of the positions below a cache's `length`: (length, head_dim) each."""
        if len(self._cos) < length:
            positions = torch.arange(length, device=self.device)[None, None].expand(3, 1, -1)
            cos, sin = self._rotary(self.embeddings[:0], positions)
            self._cos, self._sin = cos[0].contiguous(), sin[0].contiguous()
        return self._cos[:length], self._sin[:length]

    def prefill(self, x: torch.Tensor, lengths: list[int], cache: Cache) -> torch.Tensor:
        """Read prompts (rows, longest, hidden), padded at the end; returns the logits after each, (rows, vocabulary).

        lengths: of the prompts in tokens. The cache is filled from its start.
        """
        rows, longest, _ = x.shape
        cos, sin = (table[:, None] for table in self.rotations(longest))
        for layer, (keys, values) in zip(self.layers, cache.data, strict=True):
            query, key, value = self._heads(layer, x, cos, sin)
            # What padding writes lies after a row's end, where its own tokens will be written before they are read.
            keys[:, :, :longest], values[:, :, :longest] = key.transpose(1, 2), value.transpose(1, 2)
            seen = F.scaled_dot_product_attention(
                query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), is_causal=True, enable_gqa=True
            )
            x = self._finish(layer, x, seen.transpose(1, 2).flatten(2))
        last = torch.tensor(lengths, device=x.device) - 1
        return self._logits(x[torch.arange(rows, device=x.device), last])

    def step(self, ids: torch.Tensor, positions: torch.Tensor, cache: Cache, filled: int) -> torch.Tensor:
        """Read one token a row: ids and their positions (rows,) int64 -> logits (rows, vocabulary).

        filled: more than the last position; what lies after it in the cache is not looked at.
        """
        x = F.embedding(ids, self.embeddings)
        cos, sin = (table[positions][:, None] for table in self.rotations(cache.length))
        alone = len(ids) == 1
        mask = None
        if not (alone and filled < cache.length):
            unseen = torch.arange(filled, device=x.device) > positions[:, None]
            mask = torch.zeros(unseen.shape, dtype=x.dtype, device=x.device)
            mask = mask.masked_fill_(unseen, torch.finfo(x.dtype).min)[:, None, None]
        rows = torch.arange(len(ids), device=x.device)
        for layer, (keys, values) in zip(self.layers, cache.data, strict=True):
            query, key, value = self._heads(layer, x, cos, sin)
            if alone and mask is None:
                keys[:, :, filled - 1], values[:, :, filled - 1] = key, value
            else:
                keys[rows, :, positions], values[rows, :, positions] = key, value
            # The heads that share a key stand in for so many queries: nothing is repeated.
            query = query.unflatten(1, (self.key_heads, -1))
            seen = F.scaled_dot_product_attention(query, keys[:, :, :filled], values[:, :, :filled], attn_mask=mask)
            x = self._finish(layer, x, seen.flatten(1))
        return self._logits(x)

    def _heads(
        self, layer: Layer, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Query, key and value of tokens (…, hidden), normalised and rotated: (…, heads, head_dim) each."""
        x = F.linear(F.rms_norm(x, x.shape[-1:], layer.before, self.eps), layer.qkv)
        x = x.unflatten(-1, (-1, self.head_dim))
        query, key, value = x.split([self.heads, self.key_heads, self.key_heads], dim=-2)
        query = F.rms_norm(query, query.shape[-1:], layer.query_norm, self.eps)
        key = F.rms_norm(key, key.shape[-1:], layer.key_norm, self.eps)
        return rotate(query, cos, sin), rotate(key, cos, sin), value

    def _finish(self, layer: Layer, x: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """The rest of a layer, after attention."""
        x = x + F.linear(seen, layer.out)
        gate, up = F.linear(F.rms_norm(x, x.shape[-1:], layer.after, self.eps), layer.gate_up).chunk(2, dim=-1)
        return x + F.linear(F.silu(gate) * up, layer.down)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(F.rms_norm(x, x.shape[-1:], self.norm, self.eps), self.head)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions (Su et al. 2021, the half-split form): x (…, heads, head_dim) by angles (…, 1, head_dim)."""
    one, two = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-two, one), dim=-1) * sin
