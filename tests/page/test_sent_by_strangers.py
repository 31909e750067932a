"""What a stranger may send to the page's handlers, and errors as the page shows them."""

from __future__ import annotations

import json
from dataclasses import replace

import gradio as gr
import pytest

from kikitori.errors import RefusedError
from kikitori.page import handlers, jobs, messages, tabs
from kikitori.strings import Duration, Level
from tests.support.coroutines import finish
from tests.support.page import CHECKPOINTS, MADE
from tests.support.recordings import one_recording


@pytest.mark.parametrize(
    ("sent", "value"),
    [("x", "x"), (float("nan"), "nan"), (float("inf"), "inf"), (-1, "-1"), (0.5, "0.5"), (None, "None"), ([], "[]")],
)
def test_a_number_of_recordings_that_is_none_is_one_error_with_the_value(sent, value):
    run = handlers.page_handler(("pt",), CHECKPOINTS)
    ((message, _),) = run(None, [str(one_recording("pt").path)], False, "", "", sent)
    (error,) = message["errors"]
    assert error["text"] == (
        f"The page sent {value} as the number of its recordings, which is a whole number from 0 to 10,000: "
        "reload the page, and try again"
    )


TURN = MADE.to_dict()["turns"][0]


SENT = {"name": "call", "transcript": MADE.to_dict(), "times": [[0.5, 1.25]]}


@pytest.mark.parametrize(
    "request_",
    [
        ["exe", "both", [SENT]],
        ["txt", "both", []],
        ["txt", "both", [SENT, SENT]],
        ["txt", "none", [SENT]],
        ["txt", [], [SENT]],
        ["zip", "both", [{"transcript": SENT["transcript"], "times": SENT["times"]}]],
        ["zip", "both", [SENT | {"name": 1}]],
        ["txt", "both", [SENT | {"transcript": {}}]],
        ["txt", "both", [SENT | {"speakers": None}]],
        ["txt", "both", [SENT | {"speakers": {"spk_0": 7}}]],
        ["txt", "both", None],
        ["txt"],
        1,
        ["txt", "both", [SENT | {"transcript": {"turns": 3}}]],
        ["txt", "both", [SENT | {"transcript": MADE.to_dict() | {"turns": [TURN | {"text": "\x85はい。"}]}}]],
        ["srt", "both", [SENT | {"times": [[0.5, 1e306]]}]],
        *(
            ["srt", "both", [SENT | {"times": times}]]
            for times in (None, [], [1], [[1, 0.5]], [[0, "1"]], [[0, 1], [1, 2]])
        ),
    ],
)
def test_a_request_that_the_page_would_not_send_is_one_error(request_):
    (error,) = finish(handlers.write_file(request_))["errors"]
    assert error["code"] == "not_a_transcript"


@pytest.mark.parametrize("view", [None, {}, {"sheets": []}, {"sheets": [{}], "current": 7}, {"sheets": "x"}, "x", 3])
def test_comparing_something_that_is_not_a_view_is_one_error(view):
    (error,) = jobs.compare_shown(view, "Bom dia.")["errors"]
    assert error["text"] == "There is no transcript yet: transcribe a recording first"


@pytest.mark.parametrize(("reference", "said"), [(50_001, 1), (1, 50_001)])
def test_texts_that_take_too_long_to_compare_are_refused(reference, said):
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text="a" * said),))
    view = {"sheets": [{"transcript": transcript.to_dict(), "sound": "a.wav"}]}
    (error,) = jobs.compare_shown(view, "a" * reference)["errors"]
    assert error["text"] == (
        "The longer of the two texts has 50,001 characters; the limit is 50,000: compare a shorter recording"
    )


def test_a_transcript_that_takes_too_long_to_write_is_refused():
    transcript = replace(MADE, turns=(replace(MADE.turns[0], text="あ" * 300_000, source="a" * 100_001),))
    (error,) = finish(handlers.write_file(["srt", "both", [SENT | {"transcript": transcript.to_dict()}]]))["errors"]
    assert error["text"] == (
        "The transcript has 400,001 characters; the page saves at most 400,000: cut the recording into shorter ones, "
        "or use the command line"
    )


def test_the_numbers_of_an_error_reach_the_page_with_their_units():
    errors = [
        RefusedError("too_long", name="a.wav", length=Duration(15155), limit=Duration(14400)),
        RefusedError("silent", name="a.wav", level=Level(-72.34), limit=-60),
        RefusedError("silent", name="a.wav", level=Level("-inf"), limit=-60),
    ]
    shown = json.loads(json.dumps(messages.error_message(*errors), allow_nan=False))["errors"]
    assert [one["values"] for one in shown] == [
        {"name": "a.wav", "length": {"seconds": 15155}, "limit": {"seconds": 14400}},
        {"name": "a.wav", "level": {"decibels": -72.34}, "limit": -60},
        {"name": "a.wav", "level": {"decibels": None}, "limit": -60},
    ]
    assert "is 4 h 12 min long; the limit is 4 h:" in shown[0]["text"]
    assert "its peak is -72.3 dBFS," in shown[1]["text"] and "its peak is digital zero," in shown[2]["text"]


def test_a_file_that_the_visitor_did_not_upload_is_not_opened():
    view = {"sheets": [{"transcript": MADE.to_dict(), "sound": "/etc/hostname"}], "current": 0}
    ((message, shown),) = jobs.translate_call(["/tmp/gradio/a.wav"], view, CHECKPOINTS)
    (error,) = message["errors"]
    assert error["text"] == "a.wav is not the call that is uploaded: transcribe it again first"
    assert shown == {"running": False}


@pytest.mark.slow
@pytest.mark.parametrize("address", ["https://example.com/a.wav", "HTTP://example.com/a.wav"])
def test_no_component_that_takes_files_fetches_an_address(address):
    takers = [block for block in tabs.build_page(CHECKPOINTS).blocks.values() if isinstance(block, (gr.Audio, gr.File))]
    assert takers
    for taker in takers:
        with pytest.raises(gr.Error, match="is an address, which is never fetched"):
            finish(taker.async_move_resource_to_block_cache(address))
