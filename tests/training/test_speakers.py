"""Training of speaker tokens: the trained tensors change, and all others stay equal bit for bit."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from benchmarks.served import ROOT
from evaluation.data import Source
from kikitori.audio.files import load_audio
from kikitori.engines.engine import Prompt
from kikitori.model.qwen import load_qwen_model
from kikitori.result import last
from kikitori.tasks import TASKS
from kikitori.transcribe import load_model
from tests.support.recordings import RECORDINGS, one_recording
from training.collator import Collator, Example
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
from training.tiny.architecture import SPEAKER_TOKENS
from training.tiny.strip_speakers import strip_speakers
from training.trainable import load_trainable

TINY = ROOT / "assets" / "tiny"
TRAINED = {f"thinker.audio_tower.{layer}.{part}" for layer in ("proj1", "proj2") for part in ("weight", "bias")}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    prepare(Source(str(RECORDINGS)), TASKS["diarize"], folder)
    return folder / "manifest.jsonl"


def store_head_too(folder) -> None:
    """Store the tied output head separately, as published checkpoints do."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    save_file(tensors | {HEAD: tensors[EMBEDDING].clone()}, path, metadata={"format": "pt"})


def run(base, manifest, output, *options: str) -> int:
    arguments = ["--base", str(base), "--train", str(manifest), "--output_dir", str(output), "--batch_size", "2"]
    return main([*arguments, "--learning_rate", "2e-3", *options])


@pytest.fixture(scope="module", params=["the vocabulary grows", "the vocabulary has room"])
def trained(request, manifest, tmp_path_factory):
    """The folders of a base without speaker tokens, and of the checkpoint trained from it."""
    folder = tmp_path_factory.mktemp("trained")
    has_room = request.param == "the vocabulary has room"
    strip_speakers(TINY, folder / "base", keep_rows=has_room)
    if has_room:
        store_head_too(folder / "base")
    assert run(folder / "base", manifest, folder / "model") == 0
    return folder / "base", folder / "model"


def test_the_settings_equal_the_cards():
    assert (SETTINGS.learning_rate, SETTINGS.epochs) == (2e-4, 1.0)


@pytest.mark.slow
def test_only_projector_and_speaker_rows_change(trained):
    before, after = (load_file(folder / "model.safetensors") for folder in trained)
    ids = list(json.loads((trained[1] / "added_tokens.json").read_text())[token] for token in SPEAKER_TOKENS)
    assert before.keys() == after.keys()
    for name, tensor in after.items():
        base = before[name]
        assert tensor.dtype == base.dtype
        if name in (EMBEDDING, HEAD):
            kept = [row for row in range(len(tensor)) if row not in ids]
            assert tensor[kept].view(torch.int16).equal(base[kept].view(torch.int16)), name
            if len(base) > max(ids):
                assert not tensor[ids].eq(base[ids]).any(1).all()
        elif name in TRAINED:
            assert not tensor.equal(base), name
        else:
            assert tensor.view(torch.int16).equal(base.view(torch.int16)), name
    if HEAD in after:
        assert after[HEAD].equal(after[EMBEDDING])


@pytest.mark.slow
def test_the_result_loads_in_qwen_asr_and_keeps_its_tags(trained):
    loaded = load_qwen_model(str(trained[1]))
    thinker = loaded.model.thinker
    assert thinker.lm_head.weight is thinker.model.embed_tokens.weight
    tokenizer = loaded.processor.tokenizer
    ids = tokenizer("<|spk_0|> はい。 <|spk_7|> どうも。").input_ids
    assert tokenizer.decode(ids, skip_special_tokens=True) == "<|spk_0|> はい。 <|spk_7|> どうも。"
    assert ids[0] == tokenizer.convert_tokens_to_ids("<|spk_0|>")
    assert not list(trained[1].glob("adapter*"))
    model = load_model("diarize", checkpoint=str(trained[1]))  # refuses a checkpoint without the tokens
    assert model.engine.recognizer.tokenizer.convert_tokens_to_ids("<|spk_7|>") < len(thinker.lm_head.weight)


@pytest.mark.slow
def test_with_a_larger_learning_rate_texts_begin_with_a_tag(manifest, tmp_path):
    strip_speakers(TINY, tmp_path / "base")
    options = ("--learning_rate", "2e-2", "--batch_size", "3", "--epochs", "4")
    assert run(tmp_path / "base", manifest, tmp_path / "model", *options) == 0
    model = load_model("diarize", checkpoint=str(tmp_path / "model"))
    (result,) = last(model.engine.stream([load_audio(one_recording("diarize").path)], Prompt("Japanese")))
    assert result.text.startswith("<|spk_")


@pytest.mark.slow
def test_bfloat16_gives_about_the_same_loss_and_has_gradients():
    """As on a GPU: frozen weights are bfloat16, trained ones float32, computed under autocast."""
    losses = []
    for dtype in (torch.float32, torch.bfloat16):
        model, processor = load_trainable(TINY, SpeakerModel, dtype)
        add_speaker_tokens(model, processor.tokenizer)
        freeze_all_but_projector_and_rows(model)
        model.gradient_checkpointing_enable({"use_reentrant": False})
        call = one_recording("diarize")
        batch = Collator(processor)([Example(load_audio(call.path), f"language Japanese<asr_text>{call.reference}")])
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = model.train()(**batch)["loss"]
        loss.backward()
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        assert {parameter.dtype for parameter in parameters} == {torch.float32}
        assert all(parameter.grad.abs().sum() > 0 for parameter in parameters)
        losses.append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=0.1, abs=0.02)


def test_calls_without_tags_are_dropped_with_the_reason(manifest, tmp_path, capsys):
    path = manifest.parent / "untagged.jsonl"
    lines = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(json.dumps(line | {"text": "language Japanese<asr_text>はい。"}) + "\n" for line in lines))
    assert run(TINY, path, tmp_path / "model") == 1
    assert "6 text does not begin with <|spk_0|>" in capsys.readouterr().err


def test_a_base_with_special_speaker_tokens_is_refused(manifest, tmp_path, capsys):
    strip_speakers(TINY, tmp_path / "base")
    path = tmp_path / "base" / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    entry = tokenizer["added_tokens"][-1]
    tokenizer["added_tokens"].append(entry | {"id": entry["id"] + 1, "content": "<|spk_0|>", "special": True})
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    assert run(tmp_path / "base", manifest, tmp_path / "model") == 1
    assert "registers <|spk_0|> as a special token" in capsys.readouterr().err
