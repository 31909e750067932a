"""Our loop writes what the stock model's `generate_with_qwen()` writes, token for token, alone and in batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kikitori.audio.files import load_audio
from kikitori.model import batching, encoder
from kikitori.model.cuda_graphs import GraphedStep
from kikitori.model.generate import decode, stream_decode, token_budget
from kikitori.model.kv_cache import KVCache, bucket
from kikitori.model.qwen import generate_with_qwen, load_qwen_model
from kikitori.model.recognizer import Recognizer, load_recognizer
from kikitori.tasks import TASKS, TINY
from tests.support.recordings import EXAMPLES, RECORDINGS, recordings_in

LANGUAGES = ("Japanese", "English", "Portuguese", None)
CLIPS = [
    (load_audio(recording.path), TASKS[recording.direction].language)
    for folder in (EXAMPLES, RECORDINGS)
    for recording in recordings_in(folder)
]
NOISE = np.random.default_rng(0).normal(0, 0.1, 40 * 16000).astype(np.float32)


def never(text: str) -> bool:
    return False


@pytest.fixture(scope="module")
def tiny() -> Recognizer:
    return load_recognizer(str(TINY.folder), torch.float32)


def randomized(seed: int) -> Recognizer:
    """The tiny shape with random weights, large enough that texts differ from clip to clip."""
    stock = load_qwen_model(str(TINY.folder), torch.float32)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in stock.model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 1.5 / parameter[0].numel() ** 0.5)
        stock.model.thinker.model.embed_tokens.weight.normal_(0, 0.3)
    return Recognizer(stock)


def stock_ids(recognizer: Recognizer, waveform: np.ndarray, language: str | None) -> tuple[int, ...]:
    return tuple(generate_with_qwen(recognizer.qwen, waveform, language, token_budget(len(waveform) / 16000)))


@pytest.mark.slow
@pytest.mark.parametrize("language", sorted({language for _, language in CLIPS}))
def test_every_clip_is_written_as_by_generate_alone_and_together(tiny, language):
    waveforms = [waveform for waveform, of_clip in CLIPS if of_clip == language]
    expected = [stock_ids(tiny, waveform, language) for waveform in waveforms]
    assert [decode(tiny, [waveform], language)[0].ids for waveform in waveforms] == expected
    together = decode(tiny, waveforms, language)
    assert [decoded.ids for decoded in together] == expected
    assert {decoded.ended_by for decoded in together} == {"end"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_random_weights_write_what_generate_writes(seed, monkeypatch):
    """Among them texts that never end; clips of unequal length, one below a second, one of them silent."""
    monkeypatch.setattr("kikitori.model.generate.token_budget", lambda seconds: 24)
    recognizer = randomized(seed)
    generator = np.random.default_rng(seed)
    lengths = [int(seconds * 16000) for seconds in (0.6, *generator.uniform(1, 9, 3), 2.0)]
    waveforms = [NOISE[:length] * generator.uniform(0.1, 2) for length in lengths[:-1]] + [NOISE[: lengths[-1]] * 0]
    language = LANGUAGES[seed % len(LANGUAGES)]
    expected = [tuple(generate_with_qwen(recognizer.qwen, waveform, language, 24)) for waveform in waveforms]
    assert [decode(recognizer, [waveform], language, never)[0].ids for waveform in waveforms] == expected
    assert [decoded.ids for decoded in decode(recognizer, waveforms, language, never)] == expected
    assert len(set(expected)) > 2


@pytest.mark.slow
def test_products_with_the_weights_first_write_the_same(tiny, monkeypatch):
    """As they are multiplied for few rows where weights are large, which the tiny checkpoint's aren't."""
    waveforms, languages = zip(*CLIPS[:6], strict=True)
    expected = [stock_ids(tiny, waveform, languages[0]) for waveform in waveforms]
    monkeypatch.setattr("kikitori.model.decoder.LARGE_WEIGHTS", 0)
    assert [decoded.ids for decoded in decode(tiny, waveforms, languages[0], never)] == expected


def test_log_probabilities_are_those_of_the_stock_model(tiny):
    waveform, language = CLIPS[0]
    decoded = decode(tiny, [waveform], language)[0]
    inputs = tiny.qwen.processor(
        text=[tiny.qwen._build_text_prompt(context="", force_language=language)], audio=[waveform], return_tensors="pt"
    )
    prompt = inputs.pop("input_ids")
    ids = torch.cat([prompt, torch.tensor([decoded.ids])], dim=1)
    inputs["attention_mask"] = torch.ones_like(ids)
    with torch.no_grad():
        logits = tiny.qwen.model.thinker(input_ids=ids, **inputs).logits[0]
    told = logits.log_softmax(-1)[prompt.shape[1] - 1 : -1].gather(1, torch.tensor(decoded.ids)[:, None])[:, 0]
    np.testing.assert_allclose(decoded.log_probabilities, told.numpy(), atol=1e-3)


@pytest.mark.parametrize("seconds", [0.3, 0.999, 1.0, 1.01, 7.99, 8.0, 8.01, 21.37])
def test_the_features_are_whispers(tiny, seconds):
    waveform = NOISE[: int(seconds * 16000)]
    stock = tiny.qwen.processor.feature_extractor(waveform, sampling_rate=16000, padding=True, truncation=False)
    longer = encoder.log_mel([waveform, NOISE], tiny.filters)
    expected = stock["input_features"][0]
    np.testing.assert_allclose(longer[0, :, : expected.shape[1]].numpy(), expected, atol=2e-4)
    assert not longer[0, :, expected.shape[1] :].any()


def stock_audio(tower, mel: torch.Tensor, windowed: bool) -> torch.Tensor:
    """The stock encoder's embeddings; windowed: with the mask that its code builds but, under sdpa, does not pass."""
    if windowed:
        forward = type(tower.layers[0].self_attn).forward

        def masked(attention, hidden_states, cu_seqlens=None, **options):
            mask = tower._prepare_attention_mask(hidden_states, cu_seqlens)
            return forward(attention, hidden_states, cu_seqlens, attention_mask=mask)

        for layer in tower.layers:
            layer.self_attn.forward = masked.__get__(layer.self_attn)
    try:
        with torch.no_grad():
            return tower(mel, feature_lens=torch.tensor([mel.shape[1]])).last_hidden_state
    finally:
        for layer in tower.layers:
            layer.self_attn.__dict__.pop("forward", None)


@pytest.mark.parametrize("attention", encoder.ATTENTION_MODES)
def test_embeddings_are_those_of_the_stock_encoder(tiny, attention):
    waveforms = [NOISE[: int(seconds * 16000)] for seconds in (1.0, 3.21, 8.0, 8.5, 16.0, 23.456)]
    tower = tiny.qwen.model.thinker.audio_tower
    tokens = [encoder.audio_tokens(len(waveform)) for waveform in waveforms]
    with torch.no_grad():
        embeddings = encoder.encode(tower, encoder.log_mel(waveforms, tiny.filters), tokens, attention)
    for waveform, count, ours in zip(waveforms, tokens, embeddings, strict=True):
        mel = encoder.log_mel([waveform], tiny.filters)[0]
        stock = stock_audio(tower, mel, attention == "windowed")
        assert stock.shape == (count, ours.shape[1])
        torch.testing.assert_close(ours[:count], stock, atol=2e-4, rtol=1e-3)


def test_the_two_ways_to_attend_differ_past_eight_seconds_only(tiny):
    tower = tiny.qwen.model.thinker.audio_tower
    for seconds, alike in ((8, True), (9, False)):
        mels = encoder.log_mel([NOISE[: seconds * 16000]], tiny.filters)
        with torch.no_grad():
            full, windowed = (encoder.encode(tower, mels, [13 * seconds], mode) for mode in encoder.ATTENTION_MODES)
        assert torch.allclose(full, windowed, atol=1e-4) == alike


def test_the_stock_model_keeps_its_weights_without_holding_them_twice(tiny):
    fresh = load_qwen_model(str(TINY.folder), torch.float32).model.state_dict()
    own = tiny.qwen.model.state_dict()
    assert tiny.decoder.layers[0].qkv.data_ptr() == own["thinker.model.layers.0.self_attn.q_proj.weight"].data_ptr()
    for name, weight in fresh.items():
        assert torch.equal(weight, own[name]), name


@pytest.mark.slow
def test_looking_at_the_tokens_now_and_then_gives_the_same(tiny, monkeypatch):
    waveforms = [waveform for waveform, language in CLIPS if language == "Japanese"]
    every_step = decode(tiny, waveforms, "Japanese")
    monkeypatch.setattr(tiny, "sync_every_steps", 8)
    assert [decoded.ids for decoded in decode(tiny, waveforms, "Japanese")] == [decoded.ids for decoded in every_step]


def test_where_no_graph_can_be_recorded_steps_run_as_they_are(tiny, monkeypatch, caplog):
    waveforms = [waveform for waveform, language in CLIPS if language == "Japanese"][:3]
    expected = decode(tiny, waveforms, "Japanese")
    monkeypatch.setattr(tiny, "step", GraphedStep(tiny.decoder))
    assert decode(tiny, waveforms, "Japanese") == expected
    assert [record.message.partition(":")[0] for record in caplog.records] == ["steps run without CUDA graphs"]


@pytest.mark.slow
def test_graphs_get_their_rows_and_give_them_back(tiny, monkeypatch):
    """What surrounds a graph, with the step itself in the graph's place: nothing here can record one."""
    made = []

    class Replayed:
        def __init__(self, rows, length):
            self.ids, self.positions = torch.zeros(rows, dtype=torch.int64), torch.zeros(rows, dtype=torch.int64)
            self.cache = tiny.decoder.empty_cache(rows, length)
            self.logits = torch.zeros(rows, len(tiny.decoder.embeddings))
            self.graph = self
            made.append((rows, length))

        def replay(self):
            self.logits.copy_(tiny.decoder.step(self.ids, self.positions, self.cache, self.cache.length))

    waveforms = [waveform for waveform, language in CLIPS if language == "Japanese"][:5]
    expected = [decoded.ids for decoded in decode(tiny, waveforms, "Japanese")]
    step = GraphedStep(tiny.decoder)
    monkeypatch.setattr(step, "_record", Replayed)
    monkeypatch.setattr(tiny, "step", step)
    monkeypatch.setattr(tiny, "sync_every_steps", 8)
    for _ in range(2):
        assert [decoded.ids for decoded in decode(tiny, waveforms, "Japanese")] == expected
    assert made[0][0] == 8 and len(made) == len(set(made))


def test_a_loop_is_stopped_as_it_happens_and_a_budget_is_kept(monkeypatch):
    recognizer = randomized(0)
    monkeypatch.setattr("kikitori.model.generate.token_budget", lambda seconds: 512)
    (looped,) = decode(recognizer, [NOISE[:32000]], None, lambda text: True)
    assert (looped.ended_by, len(looped.ids)) == ("loop", 64)
    monkeypatch.setattr("kikitori.model.generate.token_budget", lambda seconds: 40)
    (spent,) = decode(recognizer, [NOISE[:32000]], None, never)
    assert (spent.ended_by, len(spent.ids)) == ("budget", 40)
    assert looped.ids[:40] == spent.ids
    assert len(spent.log_probabilities) == 40


@pytest.mark.slow
def test_a_text_is_handed_out_as_it_grows_and_stopping_leaves_what_is_there(tiny):
    waveforms = [waveform for waveform, language in CLIPS if language == "Japanese"][:3]
    *growing, whole = stream_decode(tiny, waveforms, "Japanese")
    assert len(growing) > 1
    for before, after in zip(growing, [*growing[1:], whole], strict=True):
        for early, late in zip(before, after, strict=True):
            assert late.ids[: len(early.ids)] == early.ids
            assert early.ended_by == "end" or len(late.ids) >= len(early.ids)
    assert growing[0][0].ended_by == "cancelled" and growing[0][0].ids

    stopped = stream_decode(tiny, waveforms, "Japanese")
    assert next(stopped) == growing[0]
    stopped.close()
    assert not tiny.one_at_a_time.locked()
    assert decode(tiny, waveforms, "Japanese") == whole


def test_batches_keep_within_the_memory(tiny, monkeypatch):
    samples = [160000, 8000, 480000, 15999, 320000, 480000]
    budgets = [token_budget(count / 16000) for count in samples]
    assert batching.plan(tiny, samples, budgets) == [[2, 5, 4, 0, 3, 1]]
    row = batching.row_bytes(tiny, 480000, budgets[2])
    for rows in (1, 2, 3):
        free = (rows * row + batching.shared_bytes(tiny)) / batching.MEMORY_SHARE
        monkeypatch.setattr(batching, "free_bytes", lambda device, free=free: int(free) + 1)
        planned = batching.plan(tiny, samples, budgets)
        assert max(map(len, planned[:1])) == rows
        assert sorted(index for batch in planned for index in batch) == list(range(6))


@pytest.mark.slow
def test_a_row_takes_no_more_than_is_computed(tiny):
    """What torch allocates for a batch of eight, against what was planned for it."""
    waveforms = [NOISE[: 20 * 16000]] * 8
    budget = token_budget(20)
    planned = 8 * batching.row_bytes(tiny, len(waveforms[0]), budget) + batching.shared_bytes(tiny)
    tiny.decoder.rotations(1024)
    with torch.profiler.profile(profile_memory=True) as profile:
        decode(tiny, waveforms, "Japanese")
    held = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    assert planned / 6 < peak < planned


@pytest.mark.slow
def test_out_of_memory_halves_the_batch_and_goes_on(tiny, monkeypatch):
    waveforms = [waveform for waveform, language in CLIPS if language == "Japanese"][:5]
    whole = [decoded.ids for decoded in decode(tiny, waveforms, "Japanese")]
    sizes = []

    def allocate(decoder, rows, length, make=KVCache.empty):
        sizes.append(rows)
        if rows > 2:
            raise torch.OutOfMemoryError("injected")
        return make(decoder, rows, length)

    monkeypatch.setattr(KVCache, "empty", allocate)
    assert [decoded.ids for decoded in decode(tiny, waveforms, "Japanese")] == whole
    assert sizes == [5, 2, 3, 1, 2]

    def refuse(decoder, rows, length):
        raise torch.OutOfMemoryError("none left")

    monkeypatch.setattr(KVCache, "empty", refuse)
    with pytest.raises(torch.OutOfMemoryError, match="none left"):
        decode(tiny, waveforms, "Japanese")
    assert not tiny.one_at_a_time.locked()


@pytest.mark.parametrize(("length", "slots"), [(1, 256), (256, 256), (257, 512), (1000, 1024), (1025, 2048)])
def test_a_cache_grows_by_doubling(length, slots):
    assert bucket(length) == slots


@pytest.mark.slow
def test_a_text_longer_than_its_cache_goes_on(monkeypatch):
    """Past 256 tokens, alone and beside a shorter one."""
    monkeypatch.setattr("kikitori.model.generate.token_budget", lambda seconds: 300)
    recognizer = randomized(3)
    expected = [tuple(generate_with_qwen(recognizer.qwen, NOISE[:n], None, 300)) for n in (16000, 40000)]
    assert [decoded.ids for decoded in decode(recognizer, [NOISE[:16000], NOISE[:40000]], None, never)] == expected
    assert decode(recognizer, [NOISE[:16000]], None, never)[0].ids == expected[0]
    assert max(map(len, expected)) == 300
