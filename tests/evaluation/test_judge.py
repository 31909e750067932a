"""A model that judges translations: its answers, its errors, and how long it is waited for."""

from __future__ import annotations

import http.server
import json
import threading
from typing import ClassVar

import pytest

from evaluation import cards, judge
from evaluation.data import DataError, Segment
from evaluation.results import RunFolder
from evaluation.scoring import Pair
from tests.support.evaluation import checkpoint_named, evaluate, options_for
from tests.support.recordings import EXAMPLES, RECORDINGS


class Judge(http.server.BaseHTTPRequestHandler):
    """An OpenAI-compatible server. Its model `fair` gives 5 if the translation equals the reference, else 2.

    asked: number of requests. failures: statuses of the next responses. retry_after: header of those responses.
    """

    asked = 0
    failures: ClassVar[list[int]] = []
    retry_after: ClassVar[str | None] = None

    def do_POST(self):
        type(self).asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.failures:
            self.send_response(self.failures.pop(0))
            if self.retry_after is not None:
                self.send_header("Retry-After", self.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        reference, translation = (part.split(">>>")[0] for part in body["messages"][0]["content"].split("<<<")[1:])
        answer = {"fair": "5" if reference == translation else "2", "chatty": "I like it"}[body["model"]]
        content = json.dumps({"choices": [{"message": {"content": answer}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def judge_waits(monkeypatch):
    """The seconds that `evaluation.judge` waits between tries. Nothing is really waited for."""
    waits = []
    monkeypatch.setattr(judge.time, "sleep", waits.append)
    return waits


@pytest.fixture
def judge_url(monkeypatch):
    """The address of a running `Judge`."""
    monkeypatch.setattr(Judge, "asked", 0)
    monkeypatch.setattr(Judge, "failures", [])
    monkeypatch.setattr(Judge, "retry_after", None)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.mark.slow
def test_a_judge_scores_each_translation_once_and_the_card_shows_the_mean(judge_url, tmp_path, capsys):
    results = tmp_path / "results"
    checkpoint = checkpoint_named("qwen3-asr-ja-en-speech-translation", tmp_path)
    evaluate(capsys, *options_for(RECORDINGS, results, "ja2en"), "--name", "FLEURS", "--checkpoint", checkpoint)
    asked = [str(results), "--base_url", judge_url, "--model", "fair"]
    assert judge.main(asked) == 0
    assert judge.main(asked) == 0
    assert Judge.asked == 6
    assert capsys.readouterr().out.splitlines()[-1].startswith("quality 5.00 [5.00, 5.00] (6 scores by fair)")
    cards.main([str(results)])
    speed = RunFolder(results).summary()["tokens_per_second"]
    assert f"| 4.2 |  | 4.0 | 5.00 [5.00, 5.00] | 45.8 | {speed} |" in capsys.readouterr().out


PAIR = Pair((Segment(None, "hello"),), (Segment(None, "hello"),))


def test_a_judge_is_asked_again_after_temporary_errors(judge_url, judge_waits):
    Judge.failures = [503, 429]
    assert judge.ask(judge_url, "fair", PAIR) == 5
    assert Judge.asked == 3
    assert len(judge_waits) == 2
    assert 0 < judge_waits[0] < judge_waits[1]


def test_a_judge_is_asked_three_times_at_most(judge_url, judge_waits):
    Judge.failures = [503] * 4
    with pytest.raises(DataError, match="503"):
        judge.ask(judge_url, "fair", PAIR)
    assert Judge.asked == 3


@pytest.mark.parametrize(("asked", "wait"), [("7", 7), ("3600", judge.MAX_WAIT_SECONDS), ("soon", None)])
def test_the_wait_that_a_judge_asks_for_is_kept_up_to_a_limit(judge_url, judge_waits, asked, wait):
    Judge.failures, Judge.retry_after = [429], asked
    assert judge.ask(judge_url, "fair", PAIR) == 5
    assert judge_waits == [wait or judge.WAITS_SECONDS[0]]


def test_a_refused_request_is_not_repeated(judge_url, judge_waits):
    Judge.failures = [401]
    with pytest.raises(DataError, match="401"):
        judge.ask(judge_url, "fair", PAIR)
    assert (Judge.asked, judge_waits) == (1, [])


def test_a_judge_without_a_number_or_an_answer_is_an_error(judge_url, judge_waits, tmp_path, capsys):
    evaluate(capsys, *options_for(EXAMPLES, tmp_path, "ja2en"))
    assert judge.main([str(tmp_path), "--base_url", judge_url, "--model", "chatty"]) == 1
    assert "chatty answers 'I like it', not a number from 1 to 5" in capsys.readouterr().err
    assert judge.main([str(tmp_path), "--base_url", "http://127.0.0.1:9", "--model", "fair"]) == 1
    assert "cannot be reached" in capsys.readouterr().err
