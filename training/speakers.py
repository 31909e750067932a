"""Teach a checkpoint to mark speakers, as the diarization card does: most of it stays as it is.

    python -m training.speakers --train data/calls/manifest.jsonl --output_dir models/calls

New tokens `<|spk_0|>` to `<|spk_7|>` join the vocabulary; the projector (proj1, proj2) and the new tokens' embedding
rows learn, nothing else. The result is a whole checkpoint without an adapter, every other tensor of which is the base's
bit for bit; where the output head is stored beside the embedding it gets the same rows. Texts have the tags in them:
`language Japanese<asr_text><|spk_0|> はい。 <|spk_1|> もしもし。`
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from kikitori.errors import CheckpointError, exit_code_of
from kikitori.tasks import TASKS
from training.checkpoints import choose_base, write_checkpoint
from training.collator import Collator
from training.manifest import Sample, filter_samples, find_fault, read_manifest
from training.tiny.architecture import SPEAKER_TOKENS
from training.trainable import TrainableModel, load_trainable
from training.trainer import SEED, Settings, add_settings, choose_settings, fit

BASE = "neosophie/Qwen3-ASR-1.7B-JA"
"""Of the diarization card."""
SETTINGS = Settings(2e-4, "linear", 0.0, batch_size=8, accumulation=1, epochs=1.0)
"""Learning rate and epochs are the diarization card's ("Training"); it names no schedule and no batch."""
MAX_SECONDS = TASKS["diarize"].window_seconds
EMBEDDING, HEAD = "thinker.model.embed_tokens.weight", "thinker.lm_head.weight"
PROJECTOR = ("proj1", "proj2")


class SpeakerModel(TrainableModel):
    """A Qwen3-ASR in which a few tokens have rows of their own, beside the tied embedding that stays as it is."""

    def take_rows(self, ids: Sequence[int]) -> None:
        """Let these tokens' rows learn, float32, as they are in the embedding now."""
        weight = self.thinker.model.embed_tokens.weight
        self.register_buffer("row_ids", torch.tensor(ids, device=weight.device), persistent=False)
        self.rows = nn.Parameter(weight[self.row_ids].detach().float())

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """As the base, with the learned rows."""
        match = ids[..., None] == self.row_ids
        learned = self.rows[match.int().argmax(-1)]
        return torch.where(match.any(-1, keepdim=True), learned, super().embed(ids))

    def predict(self, hidden: torch.Tensor) -> torch.Tensor:
        """As the base, with the learned rows as the tied head has them."""
        logits = super().predict(hidden)
        learned = nn.functional.linear(hidden, self.rows.to(hidden.dtype))
        return logits.index_copy(-1, self.row_ids, learned.to(logits.dtype))


def add_speaker_tokens(model: SpeakerModel, tokenizer) -> None:
    """Give both the tokens that they lack, and let the rows of all eight learn.

    The published vocabulary has unused rows; where there are none the embedding grows. A new row is the mean of the
    embedding's rows and noise as large as they vary: a token like any other, and no two alike. Raises CheckpointError
    where a speaker token is special, because qwen-asr would leave it out of every text.
    """
    from tokenizers import AddedToken

    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    if found := special & set(SPEAKER_TOKENS):
        raise CheckpointError(f"the base registers {min(found)} as a special token: take one without speaker tokens")
    missing = [token for token in SPEAKER_TOKENS if token not in tokenizer.get_vocab()]
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in missing])
    embedding = model.thinker.model.embed_tokens
    if model.thinker.lm_head.weight is not embedding.weight:
        raise CheckpointError("the base's output head is not tied to its embedding, as Qwen3-ASR's is: take another")
    used = embedding.weight.detach()
    if len(tokenizer) > len(used):
        model.thinker.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        embedding = model.thinker.model.embed_tokens
    if missing:
        generator = torch.Generator().manual_seed(SEED)
        noise = torch.randn(len(missing), used.shape[1], generator=generator)
        rows = used.float().mean(0) + used.float().std(0) * noise.to(used.device)
        with torch.no_grad():
            embedding.weight[tokenizer.convert_tokens_to_ids(missing)] = rows.to(embedding.weight.dtype)
    model.take_rows(tokenizer.convert_tokens_to_ids(SPEAKER_TOKENS))


def freeze_all_but_projector_and_rows(model: SpeakerModel) -> None:
    """Only proj1, proj2 (float32 from here on) and the new rows learn."""
    model.requires_grad_(False)
    for name in PROJECTOR:
        getattr(model.thinker.audio_tower, name).float().requires_grad_(True)
    model.rows.requires_grad_(True)


def learned_tensors(model: SpeakerModel) -> dict[str, torch.Tensor]:
    """What differs from the base, under the names of a checkpoint."""
    weight = model.thinker.model.embed_tokens.weight.detach().clone()
    weight[model.row_ids] = model.rows.detach().to(weight.dtype)
    projector = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    del projector["rows"]
    return projector | {EMBEDDING: weight, HEAD: weight}


def write_speaker_checkpoint(
    model: SpeakerModel, processor, base: Path, folder: Path, changed: Mapping[str, torch.Tensor]
) -> None:
    """Write the base's folder again with `changed`, what was learned, and with the tokens."""
    write_checkpoint(base, folder, changed)
    processor.tokenizer.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["thinker_config"]["text_config"]["vocab_size"] = model.thinker.model.embed_tokens.num_embeddings
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def train(base: Path, samples: Sequence[Sample], settings: Settings, output: Path) -> None:
    """Teach the base the speakers of the samples, and write the checkpoint to `output`. Raises SpeechError."""
    # What does not learn keeps the base's 16 bits; without CUDA they would be slow.
    model, processor = load_trainable(base, SpeakerModel, "auto" if torch.cuda.is_available() else torch.float32)
    add_speaker_tokens(model, processor.tokenizer)
    freeze_all_but_projector_and_rows(model)
    if fit(model, Collator(processor), samples, [], settings, output / "checkpoints", base):
        write_speaker_checkpoint(model, processor, base, output, learned_tensors(model))
        print(f"written: {output}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.speakers", description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True, type=Path, nargs="+", help="manifests of calls, tags in their texts")
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--base", default=BASE, help=f"a folder, `tiny`, or a name on the hub (default: {BASE})")
    add_settings(parser)
    options = parser.parse_args(argv)

    def work() -> None:
        settings = choose_settings(SETTINGS, options)
        samples = [sample for manifest in options.train for sample in read_manifest(manifest)]
        filtered = filter_samples(samples, lambda sample: find_fault(sample, MAX_SECONDS) or _fault_of_tags(sample))
        print(f"training: {filtered}", flush=True)
        train(choose_base(options.base, options.output_dir), filtered.kept, settings, options.output_dir)

    return exit_code_of(work)


def _fault_of_tags(sample: Sample) -> str:
    return "" if sample.words.startswith("<|spk_0|>") else "text does not begin with <|spk_0|>"


if __name__ == "__main__":
    raise SystemExit(main())
