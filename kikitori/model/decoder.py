"""The stock text model's weights with a static cache: prefill of many prompts, and a step of few operations.

What is left out of the stock forward is what greedy decoding does not need: logits of the prompt, masks built anew,
positions in three rows that are equal here, normalisation through float32 where `F.rms_norm` does it inside.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from kikitori.model.kv_cache import KVCache

FEW_ROWS, LARGE_WEIGHTS = 32, 1 << 20
"""What a step on a CPU has: up to so many rows. From so many weights on no cache holds them."""


class Layer:
    """One layer's weights: query, key and value in one matrix, gate and up in another, as `mm` wants them.

    The stock projections become views of them, so that no weight is held twice.
    """

    def __init__(self, stock):
        attention, mlp = stock.self_attn, stock.mlp
        self.qkv = _fuse(attention.q_proj, attention.k_proj, attention.v_proj).t()
        self.gate_up = _fuse(mlp.gate_proj, mlp.up_proj).t()
        self.out, self.down = attention.o_proj.weight.data.t(), mlp.down_proj.weight.data.t()
        self.before, self.after = stock.input_layernorm.weight.data, stock.post_attention_layernorm.weight.data
        heads = (attention.q_proj, attention.k_proj)
        counts = torch.tensor([projection.out_features // attention.head_dim for projection in heads])
        norms = torch.stack([attention.q_norm.weight.data, attention.k_norm.weight.data])
        self.head_norms = norms.repeat_interleave(counts.to(norms.device), dim=0)


def _fuse(*projections) -> torch.Tensor:
    """The projections' weights one under the other; each projection's own becomes a view."""
    fused = torch.cat([projection.weight.data for projection in projections])
    parts = fused.split([projection.out_features for projection in projections])
    for projection, part in zip(projections, parts, strict=True):
        projection.weight.data = part
    return fused


class Decoder:
    """The text model of a `Qwen3ASRModel`'s thinker."""

    @torch.no_grad()
    def __init__(self, thinker):
        config = thinker.config.text_config
        model = thinker.model
        self.embeddings = model.embed_tokens.weight.data
        self.layers = [Layer(layer) for layer in model.layers]
        self.norm, self.head = model.norm.weight.data, thinker.lm_head.weight.data.t()
        self.eps = config.rms_norm_eps
        self.heads, self.key_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = model.layers[0].self_attn.head_dim
        self.dtype, self.device = self.embeddings.dtype, self.embeddings.device
        self._rotary = model.rotary_emb
        self._cos = self._sin = torch.empty(0, 1, self.head_dim)

    def empty_cache(self, rows: int, length: int) -> KVCache:
        """A cache with room for `length` tokens in each of `rows` rows."""
        shape = (len(self.layers), 2, rows, self.key_heads, length, self.head_dim)
        return KVCache(torch.zeros(shape, dtype=self.dtype, device=self.device))

    def rotations(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines of the positions below `length`, for `rotate`: (length, 1, head_dim) each."""
        if len(self._cos) < length:
            positions = torch.arange(length, device=self.device)[None, None].expand(3, 1, -1)
            cos, sin = (table[0][:, None] for table in self._rotary(self.embeddings[:0], positions))
            one, two = sin.chunk(2, dim=-1)
            self._cos, self._sin = cos.contiguous(), torch.cat((-one, two), dim=-1)
        return self._cos[:length], self._sin[:length]

    def prefill(self, x: torch.Tensor, lengths: list[int], cache: KVCache) -> torch.Tensor:
        """Read prompts (rows, longest, hidden), padded at the end; returns the logits after each, (rows, vocabulary).

        lengths: of the prompts in tokens. The cache is filled from its start.
        """
        rows, longest, _ = x.shape
        x = x.flatten(0, 1)
        cos, sin = (table.repeat(rows, 1, 1) for table in self.rotations(longest))
        for layer, (keys, values) in zip(self.layers, cache.layers(longest), strict=True):
            query, key, value = (
                heads.unflatten(0, (rows, longest)).transpose(1, 2) for heads in self._heads(layer, x, cos, sin)
            )
            # What padding writes lies after a row's end, where its own tokens will be written before they are read.
            keys[:], values[:] = key, value
            if layer is not self.layers[-1]:
                seen = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
                x = self._finish(layer, x, seen.transpose(1, 2).flatten(2).flatten(0, 1))
        # Of the last layer's outputs only those after the prompts are read.
        lasts = torch.tensor(lengths, device=x.device) - 1
        every = torch.arange(rows, device=x.device)
        query = query[every, :, lasts].unflatten(1, (self.key_heads, -1))
        seen = F.scaled_dot_product_attention(query, keys, values, attn_mask=self._mask(lasts, longest))
        return self._logits(self._finish(self.layers[-1], x[every * longest + lasts], seen.flatten(1)))

    def step(self, ids: torch.Tensor, positions: torch.Tensor, cache: KVCache, filled: int) -> torch.Tensor:
        """Read one token a row: ids and their positions (rows,) int64 -> logits (rows, vocabulary).

        filled: more than the last position; what lies after it in the cache is not looked at.
        """
        x = F.embedding(ids, self.embeddings)
        # Alone, a row sees all that is filled. In a graph, whose `filled` is the cache's length, it does not.
        alone = len(ids) == 1 and filled < cache.length
        place = slice(filled - 1, filled) if alone else positions
        cos, sin = (table[place] for table in self.rotations(cache.length))
        mask, rows = (None, None) if alone else (self._mask(positions, filled), torch.arange(len(ids), device=x.device))
        slots = cache.slots(filled - 1)
        for layer, (keys, values), slot in zip(self.layers, cache.layers(filled), slots, strict=True):
            query, key, value = self._heads(layer, x, cos, sin)
            if alone:
                slot[0].copy_(key)
                slot[1].copy_(value)
            else:
                keys[rows, :, positions], values[rows, :, positions] = key, value
            # The heads that share a key stand in for so many queries: nothing is repeated.
            query = query.view(len(query), self.key_heads, -1, self.head_dim)
            seen = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
            x = self._finish(layer, x, seen.flatten(1))
        return self._logits(x)

    def _mask(self, positions: torch.Tensor, filled: int) -> torch.Tensor:
        """What is added to attention's logits so that a row sees itself and what came before: (rows, 1, 1, filled)."""
        unseen = torch.arange(filled, device=positions.device) > positions[:, None]
        mask = torch.zeros(unseen.shape, dtype=self.dtype, device=positions.device)
        return mask.masked_fill_(unseen, torch.finfo(self.dtype).min)[:, None, None]

    def _heads(
        self, layer: Layer, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Query, key and value of tokens (tokens, hidden), normalised and rotated: (tokens, heads, head_dim) each."""
        x = product(normalise(x, layer.before, self.eps), layer.qkv)
        x = x.view(len(x), -1, self.head_dim)
        turned = self.heads + self.key_heads
        both = normalise(x[:, :turned], None, self.eps) * layer.head_norms
        both = rotate(both, cos, sin)
        return both[:, : self.heads], both[:, self.heads :], x[:, turned:]

    def _finish(self, layer: Layer, x: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """The rest of a layer, after attention."""
        x = product(seen, layer.out, x)
        gate, up = product(normalise(x, layer.after, self.eps), layer.gate_up).chunk(2, dim=-1)
        return product(F.silu(gate) * up, layer.down, x)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        return product(normalise(x, self.norm, self.eps), self.head)


def normalise(x: torch.Tensor, weights: torch.Tensor | None, eps: float) -> torch.Tensor:
    """`F.rms_norm` over the last dimension of x (rows, …, width)."""
    width = x.shape[-1]
    if x.device.type != "cpu" or len(x) > FEW_ROWS:
        return F.rms_norm(x, (width,), weights, eps)
    # On a CPU that is eight operations, and `layer_norm` is one: beside its negative x has the mean 0.
    x = torch.layer_norm(torch.cat((x, -x), dim=-1), (2 * width,), None, None, eps)[..., :width]
    return x if weights is None else x * weights


def product(x: torch.Tensor, weights: torch.Tensor, plus: torch.Tensor | None = None) -> torch.Tensor:
    """x (rows, in) times weights (in, out), and something (rows, out) added."""
    few = 1 < len(x) <= FEW_ROWS and weights.numel() >= LARGE_WEIGHTS
    if few and x.device.type == "cpu":
        # Large weights are read faster if they come first.
        turned = torch.mm(weights.t(), x.t()).t()
        return turned.contiguous() if plus is None else plus + turned
    return torch.mm(x, weights) if plus is None else torch.addmm(plus, x, weights)


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions (Su et al. 2021, the half-split form): x (tokens, heads, head_dim).

    cos, sin: (tokens, 1, head_dim); the sines' first half is negative already.
    """
    one, two = x.chunk(2, dim=-1)
    return torch.addcmul(x * cos, torch.cat((two, one), dim=-1), sin)
