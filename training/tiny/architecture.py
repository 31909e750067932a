"""Architecture and tokenizer of the tiny checkpoint, a miniature Qwen3-ASR.

Except for the sizes it equals `Qwen/Qwen3-ASR-1.7B`: processor, chat template, order of the special tokens, tied
embeddings. The speaker tokens come last. They are not special tokens, so that decoding keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

BPE_TOKENS = 1800
SPEAKER_TOKENS = [f"<|spk_{number}|>" for number in range(8)]

SPECIAL_TOKENS = (
    "<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> "
    "<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>"
).split()
TEXT_TOKENS = (
    "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|> "
    "<tool_response> </tool_response> <think> </think>"
).split()
AUDIO_TOKENS = "<|audio_start|> <|audio_end|> <tts_pad> <tts_text_bos> <tts_text_eod> <tts_text_bos_single>".split()
BLANK_TOKENS = [f"<blank{number}>" for number in range(1, 28)]

PRETOKENIZER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""Splits text before byte pairs are merged; taken from Qwen2's tokenizer."""

CHAT_TEMPLATE = (Path(__file__).parent / "chat_template.jinja").read_text(encoding="utf-8")

AUDIO_CONFIG = {
    "d_model": 160,
    "encoder_layers": 4,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 640,
    "downsample_hidden_size": 32,
    "output_dim": 192,
    "num_mel_bins": 128,
    "max_source_positions": 1500,
    "n_window": 50,
    "n_window_infer": 800,
    "conv_chunksize": 500,
}
TEXT_CONFIG = {
    "hidden_size": 192,
    "intermediate_size": 576,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "max_position_embeddings": 8192,
    "rope_theta": 10000.0,
    "rope_scaling": {
        "rope_type": "default",
        "type": "default",
        "mrope_section": [12, 10, 10],
        "interleaved": True,
        "mrope_interleaved": True,
    },
    "tie_word_embeddings": True,
}
FIRST_LAYERS, LAYERS = TEXT_CONFIG["num_hidden_layers"], 7
"""Number of decoder layers that `training.tiny.train` trains, and of the whole checkpoint: `training.tiny.train_names`
adds three."""
ADDED_STD = 0.03
"""Standard deviation of the weights of an added layer."""
STEP_MILLISECONDS = 80
TIME_STEPS = 2400
"""Time grid of the aligner. Steps are as long as Qwen3-ForcedAligner-0.6B's, but end after 192 s: qwen-asr aligns at
most 180 s at once, and a head with all 5,000 steps would take 2 MB."""


def added_tokens() -> list:
    """Return the special and marker tokens in the order of Qwen3-ASR's vocabulary, then the speaker tokens."""
    from tokenizers import AddedToken

    marked = [(token, True) for token in SPECIAL_TOKENS]
    marked += [(token, False) for token in TEXT_TOKENS]
    marked += [(token, True) for token in AUDIO_TOKENS]
    marked += [("<non_speech>", False), ("<|audio_pad|>", True)]
    marked += [(token, True) for token in BLANK_TOKENS]
    marked += [(token, False) for token in ("<asr_text>", "<timestamp>", *SPEAKER_TOKENS)]
    return [AddedToken(token, special=special, normalized=False) for token, special in marked]


def build_processor(texts: Iterable[str]):
    """Train a byte-level BPE on `texts` and return a `Qwen3ASRProcessor` with it."""
    from qwen_asr.core.transformers_backend import Qwen3ASRProcessor
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import Qwen2TokenizerFast, WhisperFeatureExtractor

    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.decoder = decoders.ByteLevel()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZER), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=BPE_TOKENS,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    bpe.add_tokens(added_tokens())
    tokenizer = Qwen2TokenizerFast(
        tokenizer_object=bpe,
        unk_token=None,
        bos_token=None,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=131072,
        extra_special_tokens={
            "audio_token": "<|audio_pad|>",
            "audio_bos_token": "<|audio_start|>",
            "audio_eos_token": "<|audio_end|>",
        },
    )
    features = WhisperFeatureExtractor(feature_size=128, return_attention_mask=True)
    return Qwen3ASRProcessor(features, tokenizer, chat_template=CHAT_TEMPLATE)


def build_model(tokenizer):
    """Return a tiny `Qwen3ASRForConditionalGeneration` with random float32 weights."""
    from qwen_asr.core.transformers_backend import Qwen3ASRConfig, Qwen3ASRForConditionalGeneration
    from transformers import GenerationConfig

    token_id = tokenizer.convert_tokens_to_ids
    end_ids = [token_id("<|endoftext|>"), token_id("<|im_end|>")]
    config = Qwen3ASRConfig(
        thinker_config={
            "audio_config": AUDIO_CONFIG,
            "text_config": TEXT_CONFIG | {"vocab_size": len(tokenizer)},
            "audio_token_id": token_id("<|audio_pad|>"),
            "audio_start_token_id": token_id("<|audio_start|>"),
            "audio_end_token_id": token_id("<|audio_end|>"),
            "tie_word_embeddings": True,
        },
        support_languages=["English", "Portuguese", "Japanese"],
        architectures=["Qwen3ASRForConditionalGeneration"],
    )
    model = Qwen3ASRForConditionalGeneration(config)
    model.generation_config = GenerationConfig(eos_token_id=end_ids, pad_token_id=end_ids[0], do_sample=False)
    return model


def add_layers(model) -> None:
    """Give the decoder LAYERS layers. The added ones have random weights, but no output yet: the logits stay the same.

    model: a tiny `Qwen3ASRForConditionalGeneration`, which is changed.
    """
    from torch import nn

    decoder = model.thinker.model
    for number in range(len(decoder.layers), LAYERS):
        layer = type(decoder.layers[0])(decoder.config, number)
        for parameter in layer.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=ADDED_STD)
        nn.init.zeros_(layer.self_attn.o_proj.weight)
        nn.init.zeros_(layer.mlp.down_proj.weight)
        decoder.layers.append(layer)
    for config in (decoder.config, model.config.thinker_config.text_config):
        config.num_hidden_layers = LAYERS


def build_aligner(tiny_config, tokenizer):
    """Return a forced aligner with the shape and tokenizer of a tiny checkpoint, with random float32 weights.

    tiny_config: the checkpoint's `Qwen3ASRConfig`. As in Qwen3-ForcedAligner-0.6B's config.json the head predicts a
    time step instead of a token, so it is not tied to the embeddings.
    """
    from qwen_asr.core.transformers_backend import Qwen3ASRConfig, Qwen3ASRForConditionalGeneration

    thinker = tiny_config.thinker_config.to_dict()
    config = Qwen3ASRConfig(
        thinker_config=thinker
        | {
            "model_type": "qwen3_forced_aligner",
            "classify_num": TIME_STEPS,
            "text_config": thinker["text_config"] | {"tie_word_embeddings": False},
            "tie_word_embeddings": False,
        },
        support_languages=["English", "Portuguese", "Japanese"],
        architectures=["Qwen3ASRForConditionalGeneration"],
        timestamp_token_id=tokenizer.convert_tokens_to_ids("<timestamp>"),
        timestamp_segment_time=STEP_MILLISECONDS,
    )
    return Qwen3ASRForConditionalGeneration(config)


def save_aligner(model, processor, folder: Path) -> None:
    """Write a forced aligner in the form of `save_checkpoint`.

    transformers writes the class's default `model_type` for the thinker, which would load as a speech recogniser. It is
    corrected here.
    """
    save_checkpoint(model, processor, folder)
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["thinker_config"]["model_type"] = model.config.thinker_config.model_type
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def load_checkpoint(folder: Path) -> tuple:
    """Return the processor and the float32 model of a checkpoint."""
    import torch
    from qwen_asr.core.transformers_backend import Qwen3ASRForConditionalGeneration, Qwen3ASRProcessor

    model = Qwen3ASRForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return Qwen3ASRProcessor.from_pretrained(folder), model


def save_checkpoint(model, processor, folder: Path) -> None:
    """Write a checkpoint in bfloat16, in the form of the hub's. The model itself is not changed."""
    import copy

    import torch

    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes it readable by its owner only
    processor.save_pretrained(folder)
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": CHAT_TEMPLATE}, indent=2), encoding="utf-8")
