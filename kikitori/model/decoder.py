"""The original decoder's weights with a static KV cache: prefill of several prompts, and a step of few operations.

The original forward pass does more than greedy decoding needs. Left out are: logits of the prompt, masks that are
built anew for each token, positions in three rows that are equal for audio and text, and normalisation in float32 where
`F.rms_norm` does that inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import torch
import torch.nn.functional as F

from kikitori.model.kv_cache import KVCache

if TYPE_CHECKING:
    from torch import nn
    from transformers import PretrainedConfig

    from kikitori.model.quantised import QuantisedMatrix

    Matrix: TypeAlias = "torch.Tensor | SideBySide | QuantisedMatrix"
    LayerMatrices = Mapping[str, Matrix]

# When a CPU's matrix product is faster with the weights first: in float32, for batches of up to FEW_ROWS tokens and
# matrices of at least LARGE_WEIGHTS numbers, which don't fit the processor's cache.
FEW_ROWS = 32
LARGE_WEIGHTS = 1 << 20

MATRICES = {
    "qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "out": ("self_attn.o_proj",),
    "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}
"""A layer's matrices, and the original projections of which each consists."""


class Layer:
    """One layer's weights. Its matrices are tensors (inputs, outputs), or take their place.

    matrices: by the names of MATRICES; None for the original's own weights.
    """

    def __init__(self, original: nn.Module, config: PretrainedConfig, matrices: LayerMatrices | None = None):
        matrices = matrices or fused(original)
        self.qkv, self.out, self.gate_up, self.down = (matrices[name] for name in MATRICES)
        self.before, self.after = original.input_layernorm.weight.data, original.post_attention_layernorm.weight.data
        counts = torch.tensor([config.num_attention_heads, config.num_key_value_heads])
        norms = torch.stack([original.self_attn.q_norm.weight.data, original.self_attn.k_norm.weight.data])
        self.head_norms = norms.repeat_interleave(counts.to(norms.device), dim=0)


class SideBySide:
    """Matrices (inputs, outputs of each) that are one matrix (inputs, outputs of all), left where they are."""

    def __init__(self, parts: Sequence[torch.Tensor]):
        self._parts = tuple(parts)
        self.shape = parts[0].shape[0], sum(part.shape[1] for part in parts)

    def held(self) -> tuple[torch.Tensor, ...]:
        """Return what is held in memory."""
        return self._parts

    def product(self, x: torch.Tensor) -> torch.Tensor:
        """Return x (rows, inputs) times the matrix."""
        return torch.cat([product(x, part) for part in self._parts], dim=-1)


def fused(original: nn.Module) -> LayerMatrices:
    """Return the matrices of an original layer, transposed for `mm`. No weight is held twice.

    Large weights on a CPU stay where they are, usually in the pages of a file, which a copy would not free.
    """
    projections = {name: [original.get_submodule(part) for part in parts] for name, parts in MATRICES.items()}
    return {name: _fuse(parts) for name, parts in projections.items()}


def _fuse(projections: Sequence[nn.Linear]) -> torch.Tensor | SideBySide:
    """Return the projections' weights as one matrix, (inputs, outputs of all).

    If they are copied, each projection's own weight becomes a view of the copy.
    """
    parts = [projection.weight.data for projection in projections]
    if len(parts) == 1:
        return parts[0].t()
    if parts[0].device.type == "cpu" and sum(map(torch.numel, parts)) >= LARGE_WEIGHTS:
        return SideBySide([part.t() for part in parts])
    weights = torch.cat(parts)
    for projection, view in zip(projections, weights.split([len(part) for part in parts]), strict=True):
        projection.weight.data = view
    return weights.t()


class Decoder:
    """The text model of a `Qwen3ASRModel`'s thinker. matrices: each layer's, if they are not the model's own."""

    @torch.no_grad()
    def __init__(self, thinker: nn.Module, matrices: Sequence[LayerMatrices] | None = None):
        config = thinker.config.text_config
        model = thinker.model
        self.embeddings = model.embed_tokens.weight.data
        own = matrices or [None] * len(model.layers)
        self.layers = [Layer(layer, config, given) for layer, given in zip(model.layers, own, strict=True)]
        self.norm, self.head = model.norm.weight.data, thinker.lm_head.weight.data.t()
        self.eps = config.rms_norm_eps
        self.heads, self.key_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = model.layers[0].self_attn.head_dim
        # With quantised weights, embeddings and head may have another dtype.
        self.dtype, self.device = self.norm.dtype, self.norm.device
        self._rotary = model.rotary_emb
        self._cos = self._sin = torch.empty(0, 1, self.head_dim)

    def empty_cache(self, rows: int, length: int) -> KVCache:
        """Return a cache with room for `length` tokens in each of `rows` rows."""
        shape = (len(self.layers), 2, rows, self.key_heads, length, self.head_dim)
        return KVCache(torch.zeros(shape, dtype=self.dtype, device=self.device))

    def rotations(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return cosines and sines of the positions below `length`, for `rotate`: (length, 1, head_dim) each.

        They are views of tables that are replaced when a longer one is needed. Whoever stores their address, as a CUDA
        graph does, must hold these views.
        """
        if len(self._cos) < length:
            positions = torch.arange(length, device=self.device)[None, None].expand(3, 1, -1)
            cos, sin = (table[0][:, None] for table in self._rotary(self.norm[:0], positions))
            first_half, second_half = sin.chunk(2, dim=-1)
            self._cos, self._sin = cos.contiguous(), torch.cat((-first_half, second_half), dim=-1)
        return self._cos[:length], self._sin[:length]

    def prefill(self, x: torch.Tensor, lengths: list[int], cache: KVCache) -> torch.Tensor:
        """Read prompts and fill the cache from its start. Returns the logits after each prompt, (rows, vocabulary).

        x: embeddings (rows, longest, hidden), padded at the end. lengths: of the prompts, in tokens.
        """
        rows, longest, _ = x.shape
        x = x.flatten(0, 1)
        cos, sin = (table.repeat(rows, 1, 1) for table in self.rotations(longest))
        *earlier, (last_layer, last_cached) = zip(self.layers, cache.layers(longest), strict=True)
        for layer, cached in earlier:
            query, key, value = self._fill(layer, x, cos, sin, cached)
            attended = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
            x = self._finish(layer, x, attended.transpose(1, 2).flatten(2).flatten(0, 1))
        # The last layer's output is needed for the last token of each prompt only.
        query, _, _ = self._fill(last_layer, x, cos, sin, last_cached)
        lasts = torch.tensor(lengths, device=x.device) - 1
        every_row = torch.arange(rows, device=x.device)
        query = query[every_row, :, lasts].unflatten(1, (self.key_heads, -1))
        attended = F.scaled_dot_product_attention(query, *last_cached, attn_mask=self._mask(lasts, longest))
        return self._logits(self._finish(last_layer, x[every_row * longest + lasts], attended.flatten(1)))

    def _fill(
        self,
        layer: Layer,
        x: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        cached: tuple[torch.Tensor, torch.Tensor],
    ) -> tuple[torch.Tensor, ...]:
        """Store a layer's keys and values of padded prompts in the cache.

        x: (rows * longest, hidden). cached: the layer's entry of `KVCache.layers(longest)`. Returns query, key and
        value, (rows, heads, longest, head_dim) each.
        """
        keys, values = cached
        rows, _, longest, _ = keys.shape
        query, key, value = (
            heads.unflatten(0, (rows, longest)).transpose(1, 2) for heads in self._heads(layer, x, cos, sin)
        )
        # Padding fills slots after a row's end. The row's own tokens overwrite them before they are read.
        keys[:], values[:] = key, value
        return query, key, value

    def step(self, ids: torch.Tensor, positions: torch.Tensor, cache: KVCache, filled: int) -> torch.Tensor:
        """Read one token per row: ids and their positions, (rows,) int64 -> logits (rows, vocabulary).

        filled: more than the highest position; cache slots from there on are not read.
        """
        x = F.embedding(ids, self.embeddings).to(self.dtype)
        # A single row attends to every filled slot, so it needs no mask and its slot is known on the host. Inside a
        # CUDA graph `filled` is the cache's length, whatever the row's position.
        needs_mask = len(ids) > 1 or filled == cache.length
        mask = self._mask(positions, filled) if needs_mask else None
        rows = torch.arange(len(ids), device=x.device) if needs_mask else None
        own_position = positions if needs_mask else slice(filled - 1, filled)
        cos, sin = (table[own_position] for table in self.rotations(cache.length))
        slots = cache.slots(filled - 1)
        for layer, (keys, values), (key_slot, value_slot) in zip(self.layers, cache.layers(filled), slots, strict=True):
            query, key, value = self._heads(layer, x, cos, sin)
            if needs_mask:
                keys[rows, :, positions], values[rows, :, positions] = key, value
            else:
                key_slot.copy_(key)
                value_slot.copy_(value)
            # The heads that share a key are passed as its queries, so that keys and values need not be repeated.
            query = query.view(len(query), self.key_heads, -1, self.head_dim)
            attended = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
            x = self._finish(layer, x, attended.flatten(1))
        return self._logits(x)

    def _mask(self, positions: torch.Tensor, filled: int) -> torch.Tensor:
        """Return attention's additive mask, (rows, 1, 1, filled): each row attends up to its own position."""
        later = torch.arange(filled, device=positions.device) > positions[:, None]
        mask = torch.zeros(later.shape, dtype=self.dtype, device=positions.device)
        return mask.masked_fill_(later, torch.finfo(self.dtype).min)[:, None, None]

    def _heads(
        self, layer: Layer, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return query, key and value of tokens (tokens, hidden): (tokens, heads, head_dim) each.

        Query and key are normalised and rotated.
        """
        x = product(normalise(x, layer.before, self.eps), layer.qkv)
        x = x.view(len(x), -1, self.head_dim)
        rotated = self.heads + self.key_heads
        query_and_key = normalise(x[:, :rotated], None, self.eps) * layer.head_norms
        query_and_key = rotate(query_and_key, cos, sin)
        return query_and_key[:, : self.heads], query_and_key[:, self.heads :], x[:, rotated:]

    def _finish(self, layer: Layer, x: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """Run the rest of a layer after attention."""
        x = product(attended, layer.out, x)
        gate, up = product(normalise(x, layer.after, self.eps), layer.gate_up).chunk(2, dim=-1)
        return product(F.silu(gate) * up, layer.down, x)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        return product(normalise(x, self.norm, self.eps).to(self.head.dtype), self.head)


def normalise(x: torch.Tensor, weights: torch.Tensor | None, eps: float) -> torch.Tensor:
    """Return `F.rms_norm` over the last dimension of x (rows, …, width)."""
    width = x.shape[-1]
    if x.device.type != "cpu" or len(x) > FEW_ROWS:
        return F.rms_norm(x, (width,), weights, eps)
    # On a CPU rms_norm is eight operations and layer_norm is one. They are equal where the mean is 0, as it is for x
    # joined with -x.
    x = torch.layer_norm(torch.cat((x, -x), dim=-1), (2 * width,), None, None, eps)[..., :width]
    return x if weights is None else x * weights


def product(x: torch.Tensor, weights: Matrix, plus: torch.Tensor | None = None) -> torch.Tensor:
    """Return x (rows, in) times weights (in, out), plus a tensor (rows, out) if given."""
    on_cpu, rows = x.device.type == "cpu", len(x)
    if not isinstance(weights, torch.Tensor):
        y = weights.product(x)
    elif on_cpu and rows == 1 and x.dtype == torch.bfloat16:
        y = _vector_product(x, weights)
    elif on_cpu and 1 < rows <= FEW_ROWS and weights.numel() >= LARGE_WEIGHTS and x.dtype == torch.float32:
        # Large weights are read faster as the first factor.
        y = torch.mm(weights.t(), x.t()).t()
    else:
        return torch.mm(x, weights) if plus is None else torch.addmm(plus, x, weights)
    return y.contiguous() if plus is None else plus + y


def _vector_product(x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return x (1, in) bfloat16 times weights (in, out).

    torch's own kernel reads the weights as fast as the memory gives them. oneDNN, which torch takes where a CPU
    computes bfloat16 natively, needs two to three times as long, so it is switched off meanwhile. (torch's own kernel
    is as slow if it also adds a vector, as `addmv` does.) The switch is one for the whole process: what another thread
    multiplies meanwhile does without oneDNN too.
    """
    enabled = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        return torch.mv(weights.t(), x[0])[None]
    finally:
        torch.backends.mkldnn.enabled = enabled


def held(weights: Matrix) -> tuple[torch.Tensor, ...]:
    """Return what is held of weights in memory."""
    return (weights,) if isinstance(weights, torch.Tensor) else weights.held()


def rotate(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Apply rotary positions (Su et al. 2021, the half-split form) to x (tokens, heads, head_dim).

    cos, sin: (tokens, 1, head_dim); the first half of the sines is negated already.
    """
    first_half, second_half = x.chunk(2, dim=-1)
    return torch.addcmul(x * cos, torch.cat((second_half, first_half), dim=-1), sin)
