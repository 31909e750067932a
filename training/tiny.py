"""Make the tiny checkpoint: `python -m training.tiny` speaks its data, trains, and writes assets/tiny.

Next-token loss alone stays for long on the plateau where the decoder knows the sentences but does not listen. An
auxiliary CTC loss on the projector's output (kana, letters and speaker changes; two symbols a token) breaks it: the
encoder learns by it alone first, on single sentences, then the whole model by both. Its head is thrown away.
Not covered: resuming a run, more than one GPU.
"""

import argparse
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from training import pool as pools
from training import sentences
from training.architecture import build_model, build_processor, save_checkpoint
from training.batched_model import answer_logits, encode, log_mel
from training.batches import MIX, SENTENCES_MIX, Clip, ClipMaker

ROOT = Path(__file__).parent.parent
PEAK_LEARNING_RATE = 1.5e-3
WARMUP_STEPS = 300
LISTENING_STEPS = 1000
"""Steps at the start in which the encoder learns alone."""
CTC_WEIGHT = 0.5
SYMBOLS_PER_TOKEN = 2
"""13 tokens a second are too few for English letters."""
SAVE_EVERY = 500


def tokenizer_texts(count: int = 4000) -> list[str]:
    """Sentences of every kind, and the words of the prompt, for the tokenizer to learn its merges from."""
    makers = [
        sentences.call_sentences(1),
        sentences.portuguese_sentences(2),
        sentences.english_sentences(3),
        sentences.japanese_sentences(4),
    ]
    drawn = [maker.draw() for maker in makers for _ in range(count)]
    prompts = [f"language {name}" for name in ("Japanese", "English", "Portuguese", "None")]
    prompts += ["system", "user", "assistant"]
    return [sentence.text for sentence in drawn] + prompts * 200


class Trainer:
    """The model, its throw-away CTC head, and one step."""

    def __init__(self, processor, spellings: set[str], steps: int, device: str):
        self.device = device
        self.processor = processor
        self.model = build_model(processor.tokenizer).to(device)
        self.symbols = {symbol: number for number, symbol in enumerate(sorted(spellings), start=1)}
        width = self.model.thinker.config.audio_config.output_dim
        self.ctc_head = nn.Linear(width, SYMBOLS_PER_TOKEN * (len(self.symbols) + 1)).to(device)
        self.filters = torch.tensor(processor.feature_extractor.mel_filters.T, dtype=torch.float32, device=device)
        self.end_id = processor.tokenizer.convert_tokens_to_ids("<|im_end|>")
        self.parameters = [*self.model.parameters(), *self.ctc_head.parameters()]
        self.optimizer = torch.optim.AdamW(self.parameters, lr=PEAK_LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: learning_rate_factor(step, steps)
        )
        self.prompts = {language: self._prompt_ids(language) for language in prompt_languages()}

    def _prompt_ids(self, language: str) -> list[int]:
        conversation = [
            {"role": "system", "content": ""},
            {"role": "user", "content": [{"type": "audio", "audio": ""}]},
        ]
        text = self.processor.apply_chat_template(conversation, add_generation_prompt=True, tokenize=False)
        if language:
            text += f"language {language}<asr_text>"
        return self.processor.tokenizer(text).input_ids

    def step(self, clips: list[Clip], whole: bool = True) -> tuple[float, float]:
        """One update, of the encoder alone unless `whole`; returns the next-token and the CTC loss."""
        mels = [log_mel(torch.from_numpy(clip.waveform).to(self.device), self.filters) for clip in clips]
        audio, mask = encode(self.model.thinker.audio_tower, mels)
        ctc_loss = self._ctc_loss(audio, mask, clips)
        next_token_loss = self._next_token_loss(audio, mask, clips) if whole else torch.zeros(())
        self.optimizer.zero_grad()
        (next_token_loss + CTC_WEIGHT * ctc_loss).backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.schedule.step()
        return next_token_loss.item(), ctc_loss.item()

    def _next_token_loss(self, audio: torch.Tensor, mask: torch.Tensor, clips: list[Clip]) -> torch.Tensor:
        answers = [[*self.processor.tokenizer(clip.answer).input_ids, self.end_id] for clip in clips]
        prompts = [self.prompts[clip.forced_language] for clip in clips]
        logits, targets = answer_logits(self.model.thinker, audio, mask, prompts, answers)
        return F.cross_entropy(logits, targets)

    def _ctc_loss(self, audio: torch.Tensor, mask: torch.Tensor, clips: list[Clip]) -> torch.Tensor:
        log_probabilities = self.ctc_head(audio).unflatten(2, (SYMBOLS_PER_TOKEN, -1)).flatten(1, 2)
        log_probabilities = log_probabilities.log_softmax(-1).transpose(0, 1)
        spelled = [[self.symbols[symbol] for symbol in clip.spelling] for clip in clips]
        return F.ctc_loss(
            log_probabilities.float(),
            torch.tensor([symbol for symbols in spelled for symbol in symbols], device=self.device),
            mask.sum(1) * SYMBOLS_PER_TOKEN,
            torch.tensor([len(symbols) for symbols in spelled], device=self.device),
            zero_infinity=True,
        )


def prompt_languages() -> tuple[str, ...]:
    """The languages a prompt can force, and "" for none."""
    return ("Japanese", "English", "Portuguese", "")


def learning_rate_factor(step: int, steps: int) -> float:
    """Linear warm-up, then a cosine down to nothing."""
    if step < WARMUP_STEPS:
        return (step + 1) / WARMUP_STEPS
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS))))


def train(output: Path, steps: int, work: Path) -> None:
    """Speak what is missing of the pool, train for `steps` updates, write the checkpoint to `output`."""
    torch.manual_seed(0)
    random.seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pool = pools.load_or_make(work / "pool")
    processor = build_processor(tokenizer_texts())
    spellings = {symbol for kind in pool.values() for utterance in kind for symbol in utterance.spelling} | {"0", "1"}
    trainer = Trainer(processor, spellings, steps, device)
    batches, all_batches = (ClipMaker(pool, mix, seed=0).batches() for mix in (SENTENCES_MIX, MIX))
    started, heard, losses = time.monotonic(), 0, []
    for step in range(1, steps + 1):
        whole = step > LISTENING_STEPS
        clips = next(all_batches if whole else batches)
        losses.append(trainer.step(clips, whole))
        heard += len(clips)
        if step % 50 == 0:
            next_token, ctc = (sum(column) / len(column) for column in zip(*losses, strict=True))
            rate = heard / (time.monotonic() - started)
            print(f"step {step}: next token {next_token:.3f}, CTC {ctc:.3f}, {rate:.1f} clips/s", flush=True)
            losses = []
        if step % SAVE_EVERY == 0 or step == steps:
            save_checkpoint(trainer.model, processor, output)


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m training.tiny", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "assets" / "tiny")
    parser.add_argument("--work", type=Path, default=ROOT / "training" / "work", help="where spoken data is kept")
    parser.add_argument("--steps", type=int, default=5000)
    options = parser.parse_args(argv)
    train(options.output, options.steps, options.work)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
