"""The two compared training methods and their measurement, on the tiny checkpoint."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.served import ROOT
from kikitori.audio.files import load_audio
from tests.support.recordings import EXAMPLES, RECORDINGS, recordings_in
from training.collator import Collator, Example
from training.manifest import read_sample, write_manifest
from training.speakers import (
    EMBEDDING,
    SpeakerModel,
    add_speaker_tokens,
    freeze_all_but_projector_and_rows,
    trained_tensors,
    write_speaker_checkpoint,
)
from training.tiny.compare_lora import LORA_RANK, add_lora, main, measure_checkpoint, merged_tensors
from training.tiny.measure import HeldOutClip
from training.trainable import load_trainable

TINY = ROOT / "assets" / "tiny"


@pytest.fixture
def prepared():
    model, processor = load_trainable(TINY, SpeakerModel)
    add_speaker_tokens(model, processor.tokenizer)
    return model, processor


def trainable_sizes(model) -> dict[str, int]:
    return {name: parameter.numel() for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_only_projector_and_rows_are_trainable(prepared):
    model, _ = prepared
    freeze_all_but_projector_and_rows(model)
    config = model.thinker.audio_tower.config
    projector = (
        config.d_model * config.d_model + config.d_model + config.d_model * config.output_dim + config.output_dim
    )
    assert sum(trainable_sizes(model).values()) == projector + 8 * model.thinker.model.config.hidden_size


@pytest.mark.slow
def test_lora_adapts_only_the_decoder_and_is_merged_into_a_complete_checkpoint(prepared, tmp_path):
    model, processor = prepared
    add_lora(model)
    adapted = {name.split(".lora_")[0] for name in trainable_sizes(model)} - {"rows"}
    layers = len(model.thinker.model.layers)
    assert len(adapted) == 7 * layers and all(name.startswith("thinker.model.layers.") for name in adapted)
    shapes = {name: parameter.shape for name, parameter in model.named_parameters() if "lora_" in name}
    assert all(LORA_RANK in shape for shape in shapes.values())

    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=generator))
    batch = Collator(processor)(
        [Example(load_audio(RECORDINGS / "diarize_0.flac"), "language Japanese<asr_text>はい。")]
    )
    with torch.no_grad():
        adapted_loss = model(**batch)["loss"]
    write_speaker_checkpoint(model, processor, TINY, tmp_path, trained_tensors(model) | merged_tensors(model))
    assert load_file(tmp_path / "model.safetensors").keys() == load_file(TINY / "model.safetensors").keys()
    with torch.no_grad():
        merged_loss = load_trainable(tmp_path)[0](**batch)["loss"]
        base_loss = load_trainable(TINY)[0](**batch)["loss"]
    assert abs(merged_loss - adapted_loss) < 0.1 * abs(adapted_loss - base_loss)  # merged weights have 16 bits


@pytest.mark.slow
def test_correct_transcripts_get_perfect_figures():
    calls = recordings_in(RECORDINGS, "diarize")[:3]
    clips = [HeldOutClip(load_audio(call.path), call.reference) for call in calls]
    perfect = {"clips": 3, "cer": 0.0, "right_turns": 100.0, "loops": 0, "leaks": 0}
    assert measure_checkpoint(TINY, clips) == perfect
    swapped = [HeldOutClip(clip.waveform, clip.reference.replace("spk_0", "spk_2")) for clip in clips]
    assert measure_checkpoint(TINY, swapped)["right_turns"] < 60


def test_a_folder_with_the_clips_of_another_run_is_refused(tmp_path, capsys):
    audio = EXAMPLES / "call_order.flac"
    sample = read_sample(audio, "language Japanese<asr_text>はい。")
    (tmp_path / "plain").mkdir()
    copied = tmp_path / "plain" / audio.name
    copied.write_bytes(audio.read_bytes())
    write_manifest(tmp_path / "plain" / "manifest.jsonl", [replace(sample, audio=copied)])
    assert main(["--output_dir", str(tmp_path)]) == 1
    assert "plain holds 1 clips, not 1200: choose another --output_dir" in capsys.readouterr().err


def test_training_starts_from_existing_rows_of_the_speaker_tokens(prepared):
    model, _ = prepared
    stored = load_file(TINY / "model.safetensors")[EMBEDDING].float()
    assert model.rows.equal(stored[model.row_ids])
