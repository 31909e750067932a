"""What goes wrong between Kikitori and vLLM servers. No vLLM is needed: a small server fails as it is told to."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace

import numpy as np
import pytest

from kikitori import load_model
from kikitori.cli.run import main
from kikitori.engines.engine import Prompt
from kikitori.engines.vllm.addresses import check_url, least_busy, on_engine
from kikitori.engines.vllm.engine import VllmEngine
from kikitori.errors import CheckpointError, EngineError, ServerError
from kikitori.result import last
from kikitori.server.jobs import JobOptions, run_job
from kikitori.server.logging import LOG
from kikitori.tasks import TINY, TINY_ALIGNER, choose_checkpoints
from tests.support.evaluation import evaluate, lines_of, options_for
from tests.support.recordings import EXAMPLES, one_recording
from tests.support.scripted_server import serving

SOUND = np.zeros(16000, dtype=np.float32)
PORTUGUESE = Prompt("Portuguese", "Ana, Rui")
TEXT = "Bom dia."


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr("kikitori.engines.vllm.engine.RETRY_SECONDS", 0.02)


@pytest.fixture
def server():
    with serving() as server:
        yield server


def engine_at(*urls: str, needs_speakers: bool = False) -> VllmEngine:
    return VllmEngine(replace(TINY, urls=urls), TINY_ALIGNER, needs_speakers=needs_speakers)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def code_of(call) -> str:
    with pytest.raises(EngineError) as raised:
        call()
    return raised.value.code


def test_the_request_is_qwen_asrs_prompt(server):
    engine = engine_at(server.url)
    assert (engine.name, engine.device_and_dtype) == ("tiny", "vLLM 0.32.0")
    (result,) = last(engine.stream([SOUND], PORTUGUESE))
    assert (result.text, result.ended_by, result.ids) == (TEXT, "end", (0, 1, 2))
    assert result.log_probabilities == (-3.0, -0.1, -0.1) and result.low_confidence == ((0, 3),)
    (body,) = server.bodies
    assert body["messages"][0] == {"role": "system", "content": "Ana, Rui"}
    assert body["messages"][2] == {"role": "assistant", "content": "language Portuguese<asr_text>"}
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)
    assert (body["skip_special_tokens"], body["temperature"], body["max_tokens"]) == (False, 0, 48)
    last(engine_at(server.url).stream([SOUND], Prompt(None), max_tokens=8))
    assert [message["role"] for message in server.bodies[1]["messages"]] == ["system", "user"]
    assert server.bodies[1]["messages"][0]["content"] == "" and server.bodies[1]["add_generation_prompt"]
    assert server.bodies[1]["max_tokens"] == 8


@pytest.mark.parametrize("fault", [500, 503, 429, "cut"])
def test_what_a_server_did_not_finish_is_asked_for_again(server, fault):
    server.faults = [fault, fault]
    results = last(engine_at(server.url).stream([SOUND] * 3, PORTUGUESE))
    assert [result.text for result in results] == [TEXT] * 3 and len(server.bodies) == 5


def test_a_restart_is_waited_for():
    port = free_port()
    with serving(port=port) as before:
        engine = engine_at(before.url)
    timer = threading.Timer(0.3, threading.Event.set, [came_back := threading.Event()])
    timer.start()
    texts: list[str] = []
    work = threading.Thread(target=lambda: texts.extend(r.text for r in last(engine.stream([SOUND], PORTUGUESE))))
    work.start()
    came_back.wait()
    with serving(port=port) as after:
        work.join(20)
        assert texts == [TEXT] and len(after.bodies) == 1


def test_a_server_that_comes_back_with_another_model_is_an_error():
    port = free_port()
    with serving(port=port) as before:
        engine = engine_at(before.url)
        before.faults = [500]
        before.model = "other"
        assert code_of(lambda: last(engine.stream([SOUND], PORTUGUESE))) == "engine_model"


def test_a_server_that_stays_away_is_an_error(server, monkeypatch):
    monkeypatch.setattr("kikitori.engines.vllm.engine.PATIENCE_SECONDS", 0.1)
    engine = engine_at(server.url)
    server.faults = [500] * 100
    with pytest.raises(EngineError, match=f"{server.url}.*the engine is dead"):
        last(engine.stream([SOUND], PORTUGUESE))


def test_what_a_server_refuses_is_not_asked_for_again(server):
    engine = engine_at(server.url)
    server.faults = [400]
    assert code_of(lambda: last(engine.stream([SOUND], PORTUGUESE))) == "engine_refused" and len(server.bodies) == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [({"model": "other"}, "engine_model"), ({"version": "0.9.2"}, "engine_version")],
    ids=["model", "version"],
)
def test_a_wrong_server_is_an_error_before_the_first_window(options, code):
    with serving(**options) as server:
        with pytest.raises(EngineError) as raised:
            engine_at(server.url)
        assert raised.value.code == code and server.url in str(raised.value) and server.bodies == []


def test_a_server_that_does_not_run_is_an_error():
    assert code_of(lambda: engine_at(f"http://127.0.0.1:{free_port()}")) == "engine_unreachable"


@pytest.mark.parametrize("answer", [[], "hello", {"version": "0.32.0"}, {"version": "0.32.0", "data": ["tiny"]}])
def test_a_server_that_answers_otherwise_than_vllm_is_an_error(server, answer):
    server.answer = answer
    with pytest.raises(EngineError, match="no vLLM: its answers are of another kind"):
        engine_at(server.url)


def test_a_server_without_our_chat_template_gets_it_with_each_request():
    with serving(continues=False) as server:
        last(engine_at(server.url).stream([SOUND], PORTUGUESE))
        assert "<|im_start|>system" in server.bodies[0]["chat_template"]


def test_a_window_that_is_too_long_for_the_server_is_an_error(server):
    server.max_model_len = 60
    assert code_of(lambda: last(engine_at(server.url).stream([SOUND], PORTUGUESE))) == "engine_window"


def test_a_text_that_repeats_itself_is_stopped(server):
    server.words = (" sim",) * 300 + (".",)
    (result,) = last(engine_at(server.url).stream([SOUND], PORTUGUESE))
    assert result.ended_by == "loop" and len(result.ids) < 300


def test_a_closed_stream_ends_its_requests(server):
    server.faults = ["hang"] * 3
    stream = engine_at(server.url).stream([SOUND] * 3, PORTUGUESE)
    assert {result.ended_by for result in next(stream)} == {"cancelled"}
    stream.close()
    assert server.left.wait(10)


def test_each_word_is_shown_before_the_next_comes(server):
    server.faults = ["step"]
    server.next_word.release()
    shown: list[str] = []
    for results in engine_at(server.url).stream([SOUND], PORTUGUESE):
        shown.append(results[0].text)
        server.next_word.release()
    assert list(dict.fromkeys(shown)) == ["Bom", "Bom dia", TEXT]


def test_windows_go_to_every_server_that_has_the_model(server):
    with serving() as second, serving(model="other") as wrong:
        engine = engine_at(server.url, second.url, wrong.url, f"http://127.0.0.1:{free_port()}")
        server.faults, second.faults = ["hang"] * 2, ["hang"] * 2
        stream = engine.stream([SOUND] * 4, PORTUGUESE)
        while len(server.bodies) + len(second.bodies) < 4:
            next(stream)
        stream.close()
        assert (len(server.bodies), len(second.bodies), len(wrong.bodies)) == (2, 2, 0)


def test_the_least_busy_address_is_taken():
    with least_busy(["a", "b"]) as first, least_busy(["a", "b"]) as second, least_busy([first]) as third:
        assert (first, second, third) == ("a", "b", "a")
        with least_busy(["a", "b"]) as fourth:
            assert fourth == "b"


@pytest.mark.parametrize(
    "url", ["localhost:8000", "ftp://a", "http://", "http://u:secret@a", "http://a:x", "http://a?b"]
)
def test_bad_addresses_are_refused_and_no_password_is_shown(url):
    with pytest.raises(EngineError, match="is not the address") as raised:
        check_url(url)
    assert "secret" not in str(raised.value)


def test_choices_that_contradict_each_other():
    assert code_of(lambda: load_model("pt", checkpoint="tiny", engine="vllm")) == "engine_urls"
    assert code_of(lambda: load_model("pt", checkpoint="tiny", engine_url="http://a")) == "engine_urls"
    with pytest.raises(CheckpointError, match="choice of weights"):
        load_model("pt", checkpoint="tiny", weights="int8", engine="vllm", engine_url="http://a")


def test_no_visitor_sees_an_address(server, caplog):
    with pytest.raises(ServerError) as raised:
        checkpoints = on_engine(choose_checkpoints(["tiny"]), "vllm", f"http://127.0.0.1:{free_port()}")
        last(run_job(JobOptions("pt", checkpoints), str(one_recording("pt").path)))
    assert raised.value.code == "server_checkpoint" and "127.0.0.1" not in str(raised.value)
    (line,) = [record.fields for record in caplog.records if record.name == LOG.name]
    assert "http://127.0.0.1" in line["reason"]
    served = run_job(
        JobOptions("pt", on_engine(choose_checkpoints(["tiny"]), "vllm", server.url)), str(one_recording("pt").path)
    )
    transcript = last(served).transcript
    assert transcript.text == TEXT and server.url not in repr(transcript.to_dict())


def test_the_shell_writes_what_the_server_said_and_a_journal_of_another_engine_is_another_job(server, tmp_path, capsys):
    recording, bad = str(one_recording("pt").path), tmp_path / "bad.wav"
    bad.write_bytes(b"no sound")  # it fails, so the other one's journal stays
    words = [recording, str(bad), "--direction", "pt", "--checkpoint", "tiny", "-o", str(tmp_path)]
    words.append("--no-language-check")
    engine = ["--engine", "vllm", "--engine-url", server.url]
    assert main([*words, *engine]) == 1
    (written,) = tmp_path.glob("*.txt")
    assert written.read_text(encoding="utf-8") == TEXT + "\n"
    assert server.url not in capsys.readouterr().err
    assert main([*words, "--resume"]) == 1
    assert written.read_text(encoding="utf-8") != TEXT + "\n"
    assert main([*words, *engine[:3], f"http://127.0.0.1:{free_port()}"]) == 1
    assert "start vLLM there" in capsys.readouterr().err


def test_an_evaluation_through_another_engine_is_another_run(server, tmp_path, capsys):
    options = [*options_for(EXAMPLES, tmp_path), "--limit", 1]
    engine = ["--engine", "vllm", "--engine-url", server.url]
    assert evaluate(capsys, *options, *engine)[0] == 0
    (line,) = lines_of(tmp_path)
    assert (line["raw_text"], line["tokens"]) == (TEXT, 3)
    code, _, errors = evaluate(capsys, *options, "--device", "cpu")
    assert code == 1 and "holds a run with device 'vLLM 0.32.0', not 'cpu'" in errors
    server.version = "0.33.0"
    code, _, errors = evaluate(capsys, *options, *engine)
    assert code == 1 and "holds a run with device 'vLLM 0.32.0', not 'vLLM 0.33.0'" in errors
    assert evaluate(capsys, *options, *engine[:2])[0] == 1
    assert len(lines_of(tmp_path)) == 1
