"""The published description of a form accepts exactly what the endpoint accepts."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from starlette.datastructures import FormData

from kikitori.api.description import describe
from kikitori.api.endpoints import Transcriptions
from kikitori.api.form import TranscriptionFields, read_fields
from kikitori.api.models import served_models
from kikitori.api.queue import Queue
from kikitori.errors import SpeechError
from kikitori.tasks import CHECKPOINTS

MODELS = served_models(CHECKPOINTS)
FORM = describe(MODELS)["paths"]["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]["multipart/form-data"]
VALIDATOR = Draft202012Validator(FORM["schema"])
ENDPOINT = Transcriptions(CHECKPOINTS, Queue())
LANGUAGES = ["", "auto", "ja", "Japanese", "pt", "en", "Portuguese", "Danish", "sv", "xx"]
OPTIONAL = {
    "language": st.sampled_from(LANGUAGES),
    "response_format": st.sampled_from(["json", "text", "srt", "vtt", "verbose_json", "diarized_json", "xml"]),
    "stream": st.booleans(),
    "include[]": st.lists(st.just("logprobs"), max_size=1),
    "timestamp_granularities[]": st.lists(st.sampled_from(["segment", "word"]), unique=True),
    "prompt": st.sampled_from(["Ana", "Ana", "Ana", "<|audio_pad|>", "a" * 2001]),
    "temperature": st.sampled_from([0, 0.5, 1, 2]),
}
FORMS = st.fixed_dictionaries({"model": st.sampled_from([*MODELS, "nope"])}, optional=OPTIONAL)


def is_taken(form: dict) -> bool:
    """Whether the endpoint takes a form."""
    pairs = [
        (name, str(one)) for name, value in form.items() for one in (value if isinstance(value, list) else [value])
    ]
    try:
        ENDPOINT.options(read_fields(FormData(pairs), TranscriptionFields))
    except SpeechError:
        return False
    return True


@pytest.mark.slow
@settings(max_examples=300)
@given(FORMS)
def test_a_form_fits_the_description_exactly_if_it_is_taken(form):
    assert VALIDATOR.is_valid(form | {"file": "a recording"}) == is_taken(form), form


def test_each_model_takes_the_languages_and_the_times_of_words_that_the_description_says():
    for model, language, times in product(MODELS, LANGUAGES, ([], ["segment"], ["word"])):
        form = {"model": model, "language": language, "response_format": "verbose_json"}
        form["timestamp_granularities[]"] = times
        assert VALIDATOR.is_valid(form | {"file": "a recording"}) == is_taken(form), form


@pytest.mark.parametrize("form", [{}, {"model": "pt"}, {"file": "a recording"}])
def test_model_and_file_are_needed(form):
    assert not VALIDATOR.is_valid(form)


def test_a_checkpoint_with_two_directions_needs_a_language():
    form = {"file": "a recording", "model": CHECKPOINTS["translation"].name}
    assert not VALIDATOR.is_valid(form)
    assert VALIDATOR.is_valid(form | {"language": "en"})
