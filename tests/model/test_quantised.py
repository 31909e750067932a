"""Weights of 8 and 4 bits: the texts stay those that were spoken, and what can't work is refused in one sentence."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from benchmarks.agreement import our_ids, recorded_clips, words
from kikitori.engines.local import LocalEngine
from kikitori.errors import CheckpointError, OutputError, SpeechError
from kikitori.model import operators
from kikitori.model.generate import decode
from kikitori.model.quantised import FEW_ROWS, FORMATS, Int8Matrix
from kikitori.model.quantised_checkpoint import Tensors, quantise_folder
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.tasks import FORMATS as NAMES
from kikitori.tasks import TINY, TINY_ALIGNER, choose_checkpoints

pytestmark = pytest.mark.slow

CLIPS = sorted((clip for clip in recorded_clips() if clip.language), key=lambda clip: len(clip.waveform))[2:24:3]
PROJECTION = "thinker.model.layers.1.self_attn.k_proj.weight"


@pytest.fixture(scope="module", params=[("int8", torch.bfloat16), ("int4", torch.float32)], ids=["int8", "int4"])
def recognizer(request) -> Recognizer:
    """As on a CPU that computes bfloat16 natively, and as on another one."""
    weights, dtype = request.param
    return load_recognizer(str(TINY.folder), dtype, weights=weights)


@pytest.fixture(scope="module")
def folder(recognizer, tmp_path_factory):
    """The tiny checkpoint in the recognizer's format, as `kikitori quantise` writes it."""
    folder = tmp_path_factory.mktemp("quantised") / "mine"
    quantise_folder(TINY.folder, folder, recognizer.weights, "kikitori 1.2.3")
    return folder


def code_of(work) -> str:
    with pytest.raises(SpeechError) as caught:
        work()
    return caught.value.code


def test_the_formats_have_the_names_that_can_be_chosen():
    assert tuple(FORMATS) == NAMES


@pytest.mark.parametrize(("name", "most"), [("int8", 0.012), ("int4", 0.12)])
@pytest.mark.parametrize("outputs", [64, 832])
def test_a_product_is_near_that_of_the_weights(name, most, outputs):
    """With few rows and with many, from the weights and from what is stored of them; int8 rounds finer than int4."""
    torch.manual_seed(0)
    weights = torch.randn(outputs, 2048) * torch.rand(outputs, 1)
    before = weights.clone()
    made = FORMATS[name].quantise(weights)
    assert torch.equal(weights, before) and made.shape == (2048, outputs)
    stored = FORMATS[name].from_tensors(made.tensors())
    for dtype, rows in ((dtype, rows) for dtype, few in FEW_ROWS.items() for rows in (1, few[name], few[name] + 1)):
        x = torch.randn(rows, 2048).to(dtype)
        product, expected = made.product(x), x.float() @ weights.t()
        assert product.dtype == dtype
        error = (product - expected).norm() / expected.norm()
        assert most / 10 < error < most
        assert torch.equal(stored.product(x), product)


def test_weights_of_zero_stay_zero():
    weights = torch.zeros(64, 64)
    for kind in FORMATS.values():
        assert not kind.quantise(weights).product(torch.ones(1, 64, dtype=torch.bfloat16)).any()


def test_four_bit_numbers_are_unpacked_as_they_were_packed():
    numbers = torch.randint(16, (192, 96), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    packed = operators.int4_pack(numbers)
    assert packed.shape == (192, 48)
    assert torch.equal(operators.int4_unpack(packed, torch.int8), numbers.to(torch.int8).sub(8).t())


def test_memory_that_the_operators_would_crash_on_is_copied():
    memory = torch.zeros(64 * 64 + 128, dtype=torch.int8)
    start = (8 - memory.data_ptr()) % operators.ALIGNED_BYTES
    made = Int8Matrix.quantise(torch.randn(64, 64))
    odd = memory[start : start + 64 * 64].view(64, 64).copy_(made.tensors()["int8"])
    x = torch.randn(4, 64).bfloat16()
    assert torch.equal(Int8Matrix.from_tensors(made.tensors() | {"int8": odd}).product(x), made.product(x))


def test_recordings_become_the_words_that_were_spoken(recognizer):
    texts = [words(recognizer.text(ids[:-1])) for ids in our_ids(recognizer, CLIPS, together=False)]
    assert texts == [clip.text for clip in CLIPS]


def test_a_quantised_folder_decodes_as_quantised_on_load(recognizer, folder):
    """The file's numbers are used where they are, in its mapping."""
    loaded = load_recognizer(str(folder), recognizer.decoder.dtype)
    assert loaded.weights == recognizer.weights
    stored = Tensors(folder)
    assert {stored.get(name, True).data_ptr() % operators.ALIGNED_BYTES for name in stored.names()} == {0}
    assert our_ids(loaded, CLIPS, together=True) == our_ids(recognizer, CLIPS, together=True)


def test_no_weight_is_held_twice(recognizer):
    """The model keeps none of the decoder's matrices, and what is held of them is as small as the format says."""
    names = {name for name, _ in recognizer.qwen.model.named_parameters()}
    original = load_file(TINY.folder / "model.safetensors")
    matrices = original.keys() - names
    assert names <= original.keys() | {"thinker.lm_head.weight"}
    assert PROJECTION in matrices and len(matrices) == 7 * 7  # seven of each layer
    dtypes = {parameter.dtype for parameter in recognizer.qwen.model.parameters()}
    assert dtypes == {torch.bfloat16, recognizer.decoder.dtype}
    layer = recognizer.decoder.layers[0]
    for matrix in (layer.qkv, layer.out, layer.gate_up, layer.down):
        held = sum(tensor.nbytes for tensor in matrix.held())
        bits = 8 * held / (matrix.shape[0] * matrix.shape[1])
        assert bits < {"int8": 8.1, "int4": 5.1}[recognizer.weights]


def test_a_quantised_folder_says_what_it_was_made_from(recognizer, folder):
    with safe_open(folder / "model-00001.safetensors", "pt") as tensors:
        metadata = tensors.metadata()
    assert metadata["kikitori_weights"] == recognizer.weights
    assert (metadata["made_from"], metadata["made_by"]) == ("tiny", "kikitori 1.2.3")
    (source,) = json.loads(metadata["made_from_files"]).values()
    assert source["bytes"] == (TINY.folder / "model.safetensors").stat().st_size and len(source["sha256"]) == 64
    assert sorted(file.name for file in folder.parent.iterdir()) == ["mine"]


def test_a_quantised_folder_takes_no_other_format(recognizer, folder, tmp_path):
    (other,) = FORMATS.keys() - {recognizer.weights}
    assert code_of(lambda: load_recognizer(str(folder), weights=other)) == "weights_mismatch"
    assert code_of(lambda: quantise_folder(folder, tmp_path / "again", recognizer.weights, "")) == "weights_quantised"
    assert code_of(lambda: quantise_folder(TINY.folder, folder, other, "")) == "folder_exists"
    assert not list(tmp_path.iterdir())


def test_a_folder_that_can_not_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        quantise_folder(TINY.folder, tmp_path / "file" / "out", "int8", "")


def test_what_can_not_be_computed_is_refused_before_weights_are_read(monkeypatch):
    assert code_of(lambda: choose_checkpoints(["tiny"], weights="int3")) == "unknown_weights"
    assert code_of(lambda: load_recognizer(str(TINY.folder), device="cuda:0", weights="int8")) == "weights_on_device"
    checkpoint = choose_checkpoints(["tiny"], weights="int8")["pt"]
    assert code_of(lambda: LocalEngine(checkpoint, TINY_ALIGNER, "cpu", torch.float16)) == "weights_dtype"
    assert code_of(lambda: Int8Matrix.quantise(torch.zeros(64, 48))) == "weights_shape"
    monkeypatch.delattr(torch, "_weight_int8pack_mm")
    monkeypatch.setattr(torch, "_weight_int4pack_mm_for_cpu", lambda x, packed, group, scales: x)
    for weights in FORMATS:
        assert code_of(lambda weights=weights: load_recognizer("nowhere", weights=weights)) == "weights_unsupported"


@pytest.mark.parametrize(("value", "code"), [(float("nan"), "weights_not_finite"), (None, "weights_incomplete")])
@pytest.mark.parametrize("name", [PROJECTION, "thinker.audio_tower.ln_post.bias"])
def test_a_broken_checkpoint_is_refused(tmp_path, name, value, code):
    folder = shutil.copytree(TINY.folder, tmp_path / "mine")
    tensors = load_file(folder / "model.safetensors")
    broken = tensors.pop(name)
    if value:
        tensors[name] = broken.fill_(value)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(CheckpointError) as caught:
        load_recognizer(str(folder), weights="int8")
    assert caught.value.code == code and name in str(caught.value)


def test_numbers_that_are_not_finite_are_an_error():
    recognizer = load_recognizer(str(TINY.folder), weights="int8")
    recognizer.decoder.norm = recognizer.decoder.norm * float("nan")
    assert code_of(lambda: decode(recognizer, [CLIPS[0].waveform], CLIPS[0].language)) == "output_not_finite"
