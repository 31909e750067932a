"""Qwen3-ASR with the forward pass that transformers' Trainer calls. qwen-asr's outer class has none.

Logits are computed only for the target text: most tokens belong to the prompt, and each would have 152 thousand.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from qwen_asr.core.transformers_backend import Qwen3ASRForConditionalGeneration

IGNORED = -100
"""Label of a prompt token. Trainer counts the tokens with other labels."""


class TrainableModel(Qwen3ASRForConditionalGeneration):
    """A Qwen3-ASR whose forward pass returns the loss."""

    accepts_loss_kwargs = True
    """Tells Trainer to pass `num_items_in_batch`."""

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the embeddings of token ids of any shape, (…, hidden)."""
        return self.thinker.model.embed_tokens(ids)

    def predict(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the logits of decoder outputs: (tokens, hidden) -> (tokens, vocabulary)."""
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
        """Return the mean cross entropy of the text tokens, in nats, as {"loss": …}.

        `training.collator.Collator` makes the arguments: input_ids, attention_mask and labels (clips, tokens) int64,
        padded on the right; input_features (clips, 128, frames) float32; feature_attention_mask (clips, frames).
        num_items_in_batch: number of text tokens in all batches of one update, by which Trainer expects the loss to be
        divided.
        """
        thinker = self.thinker
        audio = thinker.get_audio_features(input_features, feature_attention_mask=feature_attention_mask)
        embeddings = self.embed(input_ids)
        is_audio = (input_ids == thinker.config.audio_token_id)[:, :, None]
        embeddings = embeddings.masked_scatter(is_audio, audio.to(embeddings.dtype))
        hidden = thinker.model(inputs_embeds=embeddings, attention_mask=attention_mask, use_cache=False)[0]
        is_text = labels[:, 1:] != IGNORED
        logits = self.predict(hidden[:, :-1][is_text])  # each token is predicted from the one before
        total = F.cross_entropy(logits.float(), labels[:, 1:][is_text], reduction="sum")
        return {"loss": total / (is_text.sum() if num_items_in_batch is None else num_items_in_batch)}


def load_trainable(folder: Path, kind: type[TrainableModel] = TrainableModel, dtype=torch.float32):
    """Load a checkpoint folder as (model, processor).

    dtype: of the weights. Trained weights need float32: bfloat16 has 8 significant bits, which round an update of 1e-5
    to a weight of 0.02 away.
    """
    from qwen_asr.core.transformers_backend import Qwen3ASRProcessor
    from transformers import GenerationConfig

    model = kind.from_pretrained(folder, dtype=dtype)
    # Training does not use it, and transformers refuses to write some of the published ones.
    model.generation_config = GenerationConfig()
    return model, Qwen3ASRProcessor.from_pretrained(folder, fix_mistral_regex=True)  # as `Qwen3ASRModel` loads it
