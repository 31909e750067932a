"""The real checkpoints' shape, from benchmarks.shapes: its size, and loading and decoding with random weights."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from benchmarks.shapes import meta_model, shape_config
from kikitori.audio.files import load_audio
from kikitori.model import checkpoints
from kikitori.model.checkpoints import load_once
from kikitori.model.decoder import MATRICES, held
from kikitori.model.generate import decode
from kikitori.model.qwen import build_prompt, load_qwen_model
from kikitori.model.recognizer import load_recognizer
from kikitori.tasks import TINY, Checkpoint
from tests.support.recordings import one_recording

pytestmark = pytest.mark.slow

LAYERS = 2
"""Of the encoder and of the decoder in what is loaded. All others have the same shape."""


def parameters(module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_shape_has_the_published_number_of_parameters():
    thinker = meta_model("1.7b").thinker
    embedding = thinker.model.embed_tokens.weight.numel()
    assert round(embedding / 1e6, 1) == 311.2
    assert round((parameters(thinker.model) - embedding) / 1e6, 1) == 1409.4
    assert round(parameters(thinker.audio_tower) / 1e6, 1) == 317.5
    stored = sum(tensor.numel() for tensor in meta_model("1.7b").state_dict().values())
    assert round(2 * stored / 1e9, 1) == 4.7  # the published file's size; `lm_head` is stored, as is the embedding


@pytest.fixture(scope="module")
def real_folder(tmp_path_factory):
    """A checkpoint folder of the real shape with two layers: random weights in bfloat16."""
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("Qwen3-ASR-1.7B")
    for file in TINY.folder.iterdir():
        if file.suffix in (".json", ".txt", ".jinja") and file.name != "config.json":
            shutil.copy(file, folder)
    (folder / "config.json").write_text(json.dumps(shape_config("1.7b", LAYERS)))
    state = meta_model("1.7b", LAYERS).state_dict()
    torch.manual_seed(0)
    drawn = torch.empty(1_000_003, dtype=torch.bfloat16).uniform_(-0.02, 0.02)
    # All weights are the same numbers again and again, because drawing others takes longer than the test.
    repeated = drawn.repeat(1 + max(tensor.numel() for tensor in state.values()) // len(drawn))
    weights = {name: repeated[: tensor.numel()].clone().reshape(tensor.shape) for name, tensor in state.items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    yield folder
    shutil.rmtree(folder)


def test_the_real_shape_loads_and_decodes(real_folder, monkeypatch):
    """As the model cards show, on a CPU: from_pretrained in bfloat16, then a few tokens."""
    monkeypatch.setattr(checkpoints, "_LOADED", {})  # what is loaded here is released after the test
    recognizer = load_once(Checkpoint(folder=real_folder), "cpu", torch.bfloat16, load_recognizer)
    thinker = recognizer.qwen.model.thinker
    assert {parameter.dtype for parameter in thinker.parameters()} == {torch.bfloat16}
    assert thinker.lm_head.weight.data_ptr() == thinker.model.embed_tokens.weight.data_ptr()
    matrices = [getattr(layer, name) for layer in recognizer.decoder.layers for name in MATRICES]
    own = [weights for weights in thinker.model.layers.parameters() if weights.dim() == 2]
    places = {part.data_ptr() for matrix in matrices for part in held(matrix)}
    assert places == {weights.data_ptr() for weights in own}, "no weight is copied"
    waveform = load_audio(one_recording("diarize").path)[: 2 * 16000]
    (result,) = decode(recognizer, [waveform], "Japanese", max_tokens=3)
    assert (result.ended_by, len(result.ids)) == ("budget", 3)


def test_the_prompt_is_that_of_the_chat_template():
    model = load_qwen_model(str(TINY.folder))
    waveform = np.zeros(int(2.5 * 16000), np.float32)
    prompt = build_prompt(model, "Japanese")
    inputs = model.processor(text=[prompt], audio=[waveform], return_tensors="pt", padding=True)
    audio_tokens = 13 * 2 + 7  # 13 a second, and 50 frames halved three times
    assert model.processor.tokenizer.decode(inputs["input_ids"][0]) == (
        "<|im_start|>system\n<|im_end|>\n<|im_start|>user\n<|audio_start|>"
        + "<|audio_pad|>" * audio_tokens
        + "<|audio_end|><|im_end|>\n<|im_start|>assistant\nlanguage Japanese<asr_text>"
    )
