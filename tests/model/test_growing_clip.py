"""A clip that grows gets what it would get anew, and finished seconds are not convolved again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kikitori.audio.files import load_audio
from kikitori.model.encoder import KeptChunks, audio_tokens, encode, log_mel
from kikitori.model.generate import decode
from kikitori.model.growing_clip import GrowingClip
from tests.support.recordings import RECORDINGS, one_recording, recordings_in

CALL = load_audio(one_recording("diarize").path)
RATE = 16000


@torch.inference_mode()
def encoded(tiny, waveform: np.ndarray, kept: KeptChunks | None = None) -> torch.Tensor:
    mels = log_mel([waveform], tiny.filters)
    return encode(tiny.tower, mels, [audio_tokens(len(waveform))], kept=kept)


def test_a_growing_clip_is_encoded_as_a_whole_one(tiny):
    kept = KeptChunks()
    for samples in (RATE // 2, 2 * RATE, 3 * RATE, round(4.5 * RATE), 7 * RATE):
        torch.testing.assert_close(
            encoded(tiny, CALL[:samples], kept), encoded(tiny, CALL[:samples]), rtol=1e-3, atol=1e-3
        )


def test_finished_seconds_are_not_computed_again(tiny):
    loud_first = np.concatenate([CALL[4 * RATE : 5 * RATE] * 3, CALL[: 5 * RATE]]).clip(-1, 1)
    kept = KeptChunks()
    encoded(tiny, loud_first[: round(3.5 * RATE)], kept)
    assert kept.computed == 4
    encoded(tiny, loud_first[: round(4.5 * RATE)], kept)
    assert kept.computed == 6, "the second that was not full, and a new one"
    encoded(tiny, loud_first[: round(4.5 * RATE)], kept)
    assert kept.computed == 6


def test_a_louder_sound_changes_what_was_kept(tiny):
    kept = KeptChunks()
    quiet = np.concatenate([CALL[: 2 * RATE] / 50, np.clip(CALL[2 * RATE : 3 * RATE] * 3, -1, 1)])
    encoded(tiny, quiet[: 2 * RATE], kept)
    torch.testing.assert_close(encoded(tiny, quiet, kept), encoded(tiny, quiet), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("given", [0, 1, 5])
def test_given_tokens_are_continued_as_the_model_did(given, tiny):
    for one in recordings_in(RECORDINGS, "pt")[:2]:
        waveform = load_audio(one.path)
        (whole,) = decode(tiny, [waveform], "Portuguese")
        clip = GrowingClip(tiny, "Portuguese")
        clip.decode(waveform[: 2 * RATE], (), ())
        again = clip.decode(waveform, whole.ids[:given], whole.log_probabilities[:given])
        assert (again.text, again.ids, again.ended_by) == (whole.text, whole.ids, "end")
        assert again.log_probabilities == pytest.approx(whole.log_probabilities, abs=1e-3)


def test_given_tokens_stay_even_if_the_model_would_write_others(tiny):
    one = recordings_in(RECORDINGS, "pt")[0]
    (other,) = decode(tiny, [load_audio(recordings_in(RECORDINGS, "pt")[1].path)], "Portuguese")
    half = math.ceil(len(other.ids) / 2)
    result = GrowingClip(tiny, "Portuguese").decode(
        load_audio(one.path), other.ids[:half], other.log_probabilities[:half]
    )
    assert result.ids[:half] == other.ids[:half] and len(result.ids) > half


def test_a_character_that_is_not_complete_is_left_out(tiny):
    (result,) = decode(tiny, [CALL], "Japanese")
    clip = GrowingClip(tiny, "Japanese")
    texts = [clip.text(result.ids[:count]) for count in range(len(result.ids))]
    assert all(result.text.startswith(text.strip()) for text in texts)
