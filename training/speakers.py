"""Teaches a checkpoint to mark speakers, as the diarization card does. Most weights stay unchanged.

    python -m training.speakers --train data/calls/manifest.jsonl --output_dir models/calls

The tokens `<|spk_0|>` to `<|spk_7|>` are added to the vocabulary. Only the projector (proj1, proj2) and the embedding
rows of these tokens are trained. The result is a complete checkpoint without an adapter; all other tensors equal the
base's bit for bit. If the base stores its output head separately, the head gets the same rows. Texts contain the tags:
`language Japanese<asr_text><|spk_0|> はい。 <|spk_1|> もしもし。`
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from evaluation.options import OptionParser
from kikitori.tasks import TASKS
from training.checkpoints import BaseError, choose_base, write_checkpoint
from training.collator import Collator
from training.manifest import Sample, filter_samples, read_manifest, rejection_reason
from training.processes import is_first_process, print_once, run
from training.tiny.architecture import SPEAKER_TOKENS
from training.trainable import TrainableModel, load_trainable
from training.trainer import SEED, Settings, add_settings, choose_settings, fit

BASE = "neosophie/Qwen3-ASR-1.7B-JA"
"""Base model of the diarization card."""
SETTINGS = Settings(2e-4, "linear", 0.0, batch_size=8, accumulation=1, epochs=1.0)
"""Learning rate and epochs: diarization card, "Training". It gives no schedule and no batch size."""
MAX_CALL_SECONDS = TASKS["diarize"].window_seconds
EMBEDDING, HEAD = "thinker.model.embed_tokens.weight", "thinker.lm_head.weight"
PROJECTOR = ("proj1", "proj2")


class SpeakerModel(TrainableModel):
    """A Qwen3-ASR with trainable embedding rows for a few tokens. The tied embedding itself stays frozen."""

    def take_rows(self, ids: Sequence[int]) -> None:
        """Make the rows of these tokens trainable, as float32, starting from their values in the embedding."""
        weight = self.thinker.model.embed_tokens.weight
        self.register_buffer("row_ids", torch.tensor(ids, device=weight.device), persistent=False)
        self.rows = nn.Parameter(weight[self.row_ids].detach().float())

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """As in the base class, with the trained rows in place of the embedding's."""
        match = ids[..., None] == self.row_ids
        trained = self.rows[match.int().argmax(-1)]
        return torch.where(match.any(-1, keepdim=True), trained, super().embed(ids))

    def predict(self, hidden: torch.Tensor) -> torch.Tensor:
        """As in the base class, with the trained rows as rows of the tied output head."""
        logits = super().predict(hidden)
        trained = nn.functional.linear(hidden, self.rows.to(hidden.dtype))
        return logits.index_copy(-1, self.row_ids, trained.to(logits.dtype))


def add_speaker_tokens(model: SpeakerModel, tokenizer) -> None:
    """Add missing speaker tokens to model and tokenizer, and make the rows of all eight trainable.

    The published vocabulary has unused rows; without them the embedding grows. A new row is the mean of the embedding's
    rows plus noise with their standard deviation, so that it is a typical row and no two are equal. Raises
    BaseError if a speaker token is special, because qwen-asr would drop it from every text, or if the output head
    is not tied.
    """
    from tokenizers import AddedToken

    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    if found := special & set(SPEAKER_TOKENS):
        raise BaseError(f"the base registers {min(found)} as a special token: choose a base without it")
    missing = [token for token in SPEAKER_TOKENS if token not in tokenizer.get_vocab()]
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in missing])
    embedding = model.thinker.model.embed_tokens
    if model.thinker.lm_head.weight is not embedding.weight:
        raise BaseError("the base's output head is not tied to its embedding: choose a Qwen3-ASR as base")
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
    """Make proj1 and proj2, converted to float32, and the speakers' rows the only trainable parameters."""
    model.requires_grad_(False)
    for name in PROJECTOR:
        getattr(model.thinker.audio_tower, name).float().requires_grad_(True)
    model.rows.requires_grad_(True)


def trained_tensors(model: SpeakerModel) -> dict[str, torch.Tensor]:
    """Return the tensors that differ from the base, under their names in a checkpoint."""
    weight = model.thinker.model.embed_tokens.weight.detach().clone()
    weight[model.row_ids] = model.rows.detach().to(weight.dtype)
    projector = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    del projector["rows"]
    return projector | {EMBEDDING: weight, HEAD: weight}


def write_speaker_checkpoint(
    model: SpeakerModel, processor, base: Path, folder: Path, changed: Mapping[str, torch.Tensor]
) -> None:
    """Write a copy of the base's folder with the trained tensors `changed` and the speaker tokens."""
    write_checkpoint(base, folder, changed)
    processor.tokenizer.save_pretrained(folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["thinker_config"]["text_config"]["vocab_size"] = model.thinker.model.embed_tokens.num_embeddings
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def train(base: Path, samples: Sequence[Sample], settings: Settings, output: Path) -> None:
    """Train the base on the samples and write the checkpoint to `output`. Raises SpeechError."""
    # Frozen weights keep the base's 16 bits on CUDA. On a CPU float32 is faster.
    model, processor = load_trainable(base, SpeakerModel, "auto" if torch.cuda.is_available() else torch.float32)
    add_speaker_tokens(model, processor.tokenizer)
    freeze_all_but_projector_and_rows(model)
    fit(model, Collator(processor), samples, [], settings, output / "checkpoints", base)
    if is_first_process():
        write_speaker_checkpoint(model, processor, base, output, trained_tensors(model))
    print_once(f"written: {output}")


def main(argv: list[str] | None = None) -> int:
    """Run the training; return the exit code."""
    parser = OptionParser(prog="python -m training.speakers", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--train", required=True, type=Path, nargs="+", help="manifests of calls whose texts have speaker tags"
    )
    parser.add_argument("--output_dir", required=True, type=Path)
    parser.add_argument("--base", default=BASE, help=f"a folder, `tiny`, or a repository on the hub (default: {BASE})")
    add_settings(parser)
    options = parser.parse_args(argv)

    def work() -> None:
        settings = choose_settings(SETTINGS, options)
        samples = [sample for path in options.train for sample in read_manifest(path)]
        filtered = filter_samples(samples, _rejection_reason)
        print_once(f"training: {filtered}")
        train(choose_base(options.base, options.output_dir), filtered.kept, settings, options.output_dir)

    return run(work)


def _rejection_reason(sample: Sample) -> str:
    untagged = "" if sample.words.startswith("<|spk_0|>") else "text does not begin with <|spk_0|>"
    return rejection_reason(sample, MAX_CALL_SECONDS) or untagged


if __name__ == "__main__":
    raise SystemExit(main())
