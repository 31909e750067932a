"""Teaching a checkpoint speakers: what learns, learns; all else is bit for bit what it was."""

from __future__ import annotations

import json

import pytest
import torch
from conftest import RECORDINGS, ROOT, one_recording
from safetensors.torch import load_file, save_file

from evaluation.data import Source
from speech.audio import load_audio
from speech.directions import DIRECTIONS
from speech.stock import load_stock_model
from speech.transcribing import load_model
from training.architecture import SPEAKER_TOKENS
from training.inputs import Collator
from training.prepare import prepare
from training.speakers import (
    EMBEDDING,
    HEAD,
    SETTINGS,
    SpeakerModel,
    add_speaker_tokens,
    freeze_all_but_projector_and_rows,
    main,
)
from training.strip_speakers import strip_speakers
from training.trainable import load_trainable

TINY = ROOT / "assets" / "tiny"
LEARNED = {f"thinker.audio_tower.{layer}.{part}" for layer in ("proj1", "proj2") for part in ("weight", "bias")}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    prepare(Source(str(RECORDINGS)), DIRECTIONS["diarize"], folder)
    return folder / "manifest.jsonl"


def store_head_too(folder) -> None:
    """As published checkpoints have it, though it is tied."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {HEAD: tensors[EMBEDDING].clone()}, path, metadata={"format": "pt"})


def run(base, manifest, output, *options: str) -> int:
    words = ["--base", str(base), "--train", str(manifest), "--output_dir", str(output), "--batch_size", "2"]
    return main([*words, "--learning_rate", "2e-3", *options])


@pytest.fixture(scope="module", params=["the vocabulary grows", "the vocabulary has room"])
def taught(request, manifest, tmp_path_factory):
    """A base without speaker tokens, and what it was taught: two folders."""
    folder = tmp_path_factory.mktemp("taught")
    has_room = request.param == "the vocabulary has room"
    strip_speakers(TINY, folder / "base", keep_rows=has_room)
    if has_room:
        store_head_too(folder / "base")
    assert run(folder / "base", manifest, folder / "model") == 0
    return folder / "base", folder / "model"


def test_the_settings_are_the_cards():
    assert (SETTINGS.learning_rate, SETTINGS.epochs) == (2e-4, 1.0)


@pytest.mark.slow
def test_only_the_projector_and_the_new_rows_change(taught):
    before, after = (load_file(folder / "model.safetensors") for folder in taught)
    ids = list(json.loads((taught[1] / "added_tokens.json").read_text())[token] for token in SPEAKER_TOKENS)
    assert before.keys() == after.keys()
    for name, tensor in after.items():
        base = before[name]
        assert tensor.dtype == base.dtype
        if name in (EMBEDDING, HEAD):
            kept = [row for row in range(len(tensor)) if row not in ids]
            assert tensor[kept].view(torch.int16).equal(base[kept].view(torch.int16)), name
            if len(base) > max(ids):
                assert not tensor[ids].eq(base[ids]).any(1).all()
        elif name in LEARNED:
            assert not tensor.equal(base), name
        else:
            assert tensor.view(torch.int16).equal(base.view(torch.int16)), name
    if HEAD in after:
        assert after[HEAD].equal(after[EMBEDDING])


def test_the_result_loads_with_stock_qwen_asr_and_its_tags_survive(taught):
    stock = load_stock_model(str(taught[1]))
    thinker = stock.model.thinker
    assert thinker.lm_head.weight is thinker.model.embed_tokens.weight
    tokenizer = stock.processor.tokenizer
    ids = tokenizer("<|spk_0|> はい。 <|spk_7|> どうも。").input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<|spk_0|> はい。 <|spk_7|> どうも。"
    assert ids[0] == tokenizer.convert_tokens_to_ids("<|spk_0|>")
    assert not list(taught[1].glob("adapter*"))
    model = load_model("diarize", checkpoint=str(taught[1]))  # refuses a checkpoint without the tokens
    assert model.recognizer.tokenizer.convert_tokens_to_ids("<|spk_7|>") < len(thinker.lm_head.weight)


@pytest.mark.slow
def test_larger_steps_teach_it_to_begin_with_a_tag(manifest, tmp_path):
    strip_speakers(TINY, tmp_path / "base")
    options = ("--learning_rate", "2e-2", "--batch_size", "3", "--epochs", "4")
    assert run(tmp_path / "base", manifest, tmp_path / "model", *options) == 0
    model = load_model("diarize", checkpoint=str(tmp_path / "model"))
    (decoded,) = model.decode([load_audio(one_recording("diarize").path)])
    assert decoded.text.startswith("<|spk_")


@pytest.mark.slow
def test_sixteen_bits_as_on_a_gpu_give_about_the_same_loss_and_gradients():
    """Frozen weights in bfloat16, what learns in float32, under autocast."""
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        model, processor = load_trainable(TINY, SpeakerModel, dtype)
        add_speaker_tokens(model, processor.tokenizer)
        freeze_all_but_projector_and_rows(model)
        model.gradient_checkpointing_enable({"use_reentrant": False})
        call = one_recording("diarize")
        batch = Collator(processor)([(load_audio(call.path), f"language Japanese<asr_text>{call.reference}")])
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = model.train()(**batch)["loss"]
        loss.backward()
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        assert {parameter.dtype for parameter in learned} == {torch.float32}
        assert all(parameter.grad.abs().sum() > 0 for parameter in learned)
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.1, abs=0.02)


def test_calls_without_tags_are_dropped_and_named(manifest, tmp_path, capsys):
    path = manifest.parent / "untagged.jsonl"
    lines = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(one | {"text": "language Japanese<asr_text>はい。"}) + "\n" for one in lines))
    assert run(TINY, path, tmp_path / "model") == 1
    assert "6 text does not begin with <|spk_0|>" in capsys.readouterr().err


def test_a_base_whose_tags_would_vanish_is_refused(manifest, tmp_path, capsys):
    strip_speakers(TINY, tmp_path / "base")
    path = tmp_path / "base" / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    entry = tokenizer["added_tokens"][-1]
    tokenizer["added_tokens"].append(entry | {"id": entry["id"] + 1, "content": "<|spk_0|>", "special": True})
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    assert run(tmp_path / "base", manifest, tmp_path / "model") == 1
    assert "registers <|spk_0|> as a special token" in capsys.readouterr().err
