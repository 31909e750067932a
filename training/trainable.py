"""The stock model with the forward pass that transformers' Trainer calls; qwen-asr's outer class has none.

The loss is computed where something is to be written, and nowhere else: the prompt's logits, most of all tokens times
152 thousand, are never made.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from qwen_asr.core.transformers_backend import Qwen3ASRForConditionalGeneration

IGNORED = -100
"""Label of a token that is given, not written; Trainer counts the others."""


class TrainableModel(Qwen3ASRForConditionalGeneration):
    """A Qwen3-ASR that gives its loss."""

    accepts_loss_kwargs = True
    """Trainer asks this before it gives `num_items_in_batch`."""

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids of any shape -> their embeddings, (…, hidden)."""
        return self.thinker.model.embed_tokens(ids)

    def predict(self, hidden: torch.Tensor) -> torch.Tensor:
        """What the decoder makes of tokens, (tokens, hidden) -> logits (tokens, vocabulary)."""
        return self.thinker.lm_head(hidden)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        input_features: torch.Tensor,
        feature_attention_mask: torch.Tensor,
        labels: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> dict[str, torch.Tensor]:
        """The mean cross entropy of the tokens to be written, natural logarithm, as {"loss": …}.

        The arguments come from `training.collator.Collator`: (clips, tokens) int64, padded on the right, and features
        (clips, 128, frames) float32 with their mask (clips, frames). num_items_in_batch: how many tokens are to be
        written in all batches of one update, by which Trainer wants the loss divided.
        """
        thinker = self.thinker
        heard = thinker.get_audio_features(input_features, feature_attention_mask=feature_attention_mask)
        embeddings = self.embed(input_ids)
        places = (input_ids == thinker.config.audio_token_id)[:, :, None]
        embeddings = embeddings.masked_scatter(places, heard.to(embeddings.dtype))
        hidden = thinker.model(inputs_embeds=embeddings, attention_mask=attention_mask, use_cache=False)[0]
        written = labels[:, 1:] != IGNORED
        logits = self.predict(hidden[:, :-1][written])  # each token is predicted by the one before it
        total = F.cross_entropy(logits.float(), labels[:, 1:][written], reduction="sum")
        return {"loss": total / (written.sum() if num_items_in_batch is None else num_items_in_batch)}


def load_trainable(folder: Path, kind: type[TrainableModel] = TrainableModel, dtype=torch.float32):
    """A checkpoint folder as (model, processor).

    dtype: of the weights. They are float32 where they learn: at bfloat16's 8 bits an update of 1e-5 beside a weight
    of 0.02 is rounded away.
    """
    from qwen_asr.core.transformers_backend import Qwen3ASRProcessor
    from transformers import GenerationConfig

    model = kind.from_pretrained(folder, dtype=dtype)
    # What is kept here is only written again; a published one may hold what transformers refuses to write.
    model.generation_config = GenerationConfig()
    return model, Qwen3ASRProcessor.from_pretrained(folder, fix_mistral_regex=True)  # as `Qwen3ASRModel` loads it
