"""The two methods that are compared, and how they are measured, on the tiny checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from conftest import EXAMPLES, RECORDINGS, ROOT, recordings_in
from safetensors.torch import load_file

from speech.audio import load_audio
from training.compare_speakers import LORA_RANK, add_lora, main, measure, merged_tensors
from training.held_out import Recording
from training.inputs import Collator
from training.manifest import measure as measure_sample
from training.manifest import write_manifest
from training.speakers import (
    EMBEDDING,
    SpeakerModel,
    add_speaker_tokens,
    freeze_all_but_projector_and_rows,
    learned_tensors,
    write_speaker_checkpoint,
)
from training.trainable import load_trainable

TINY = ROOT / "assets" / "tiny"


@pytest.fixture
def prepared():
    model, processor = load_trainable(TINY, SpeakerModel)
    add_speaker_tokens(model, processor.tokenizer)
    return model, processor


def learning(model) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_projector_and_rows_learn_and_nothing_else(prepared):
    model, _ = prepared
    freeze_all_but_projector_and_rows(model)
    config = model.thinker.audio_tower.config
    projector = (
        config.d_model * config.d_model + config.d_model + config.d_model * config.output_dim + config.output_dim
    )
    assert sum(learning(model).values()) == projector + 8 * model.thinker.model.config.hidden_size


@pytest.mark.slow
def test_lora_learns_on_the_decoder_alone_and_becomes_a_whole_checkpoint(prepared, tmp_path):
    model, processor = prepared
    add_lora(model)
    adapted = {name.split(".lora_")[0] for name in learning(model)} - {"rows"}
    layers = len(model.thinker.model.layers)
    assert len(adapted) == 7 * layers and all(name.startswith("thinker.model.layers.") for name in adapted)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters() if "lora_" in name}
    assert all(LORA_RANK in shape for shape in shapes.values())

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
    batch = Collator(processor)([(load_audio(RECORDINGS / "diarize_0.flac"), "language Japanese<asr_text>はい。")])
    with torch.no_grad():
        adapted_loss = model(**batch)["loss"]
    write_speaker_checkpoint(model, processor, TINY, tmp_path, learned_tensors(model) | merged_tensors(model))
    assert load_file(tmp_path / "model.safetensors").keys() == load_file(TINY / "model.safetensors").keys()
    with torch.no_grad():
        merged_loss = load_trainable(tmp_path)[0](**batch)["loss"]
        base_loss = load_trainable(TINY)[0](**batch)["loss"]
    assert abs(merged_loss - adapted_loss) < 0.1 * abs(adapted_loss - base_loss)  # merged weights have 16 bits


@pytest.mark.slow
def test_the_figures_of_what_the_tiny_checkpoint_hears_rightly():
    calls = recordings_in(RECORDINGS, "diarize")[:3]
    recordings = [Recording(load_audio(call.path), call.reference) for call in calls]
    perfect = {"clips": 3, "cer": 0.0, "right_turns": 100.0, "loops": 0, "leaks": 0}
    assert measure(TINY, recordings) == perfect
    swapped = [Recording(one.waveform, one.reference.replace("spk_0", "spk_2")) for one in recordings]
    assert measure(TINY, swapped)["right_turns"] < 60


def test_clips_of_another_run_are_not_taken_for_these(tmp_path, capsys):
    audio = EXAMPLES / "call_order.flac"
    sample = measure_sample(audio, "language Japanese<asr_text>はい。")
    (tmp_path / "plain").mkdir()
    copied = tmp_path / "plain" / audio.name
    copied.write_bytes(audio.read_bytes())
    write_manifest(tmp_path / "plain" / "manifest.jsonl", [replace(sample, audio=copied)])
    assert main(["--output_dir", str(tmp_path)]) == 1
    assert "plain holds 1 clips, not 1200: choose another --output_dir" in capsys.readouterr().err


def test_the_rows_that_the_tiny_checkpoint_has_are_kept(prepared):
    """A checkpoint that already has the tokens goes on from its own rows."""
    model, _ = prepared
    stored = load_file(TINY / "model.safetensors")[EMBEDDING].float()
    assert model.rows.equal(stored[model.row_ids])
