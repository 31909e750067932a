"""Scores translations from 1 to 5 with a language model, as the translation card does.

    python -m evaluation.judge results/fleurs-en2ja --base_url http://localhost:8000/v1 --model NAME

Works with any server that offers OpenAI's chat completions. The key is read from OPENAI_API_KEY. The prompt is in
`judge_prompt.md`. Scores from different judges can't be compared, and
the card does not name its judge.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from dataclasses import asdict
from pathlib import Path

from evaluation.cards import QUALITY
from evaluation.data import DataError
from evaluation.metrics import Figure, mean_score
from evaluation.options import OptionParser
from evaluation.results import RunFolder
from evaluation.scoring import Pair
from kikitori.errors import exit_code_of

PROMPT = (Path(__file__).parent / "judge_prompt.md").read_text(encoding="utf-8")
TIMEOUT_SECONDS = 120
WAITS_SECONDS = (2.0, 10.0)
"""Before the second and the third try."""
MAX_WAIT_SECONDS = 60.0
"""Upper limit on a wait that the server asks for with `Retry-After`."""
TEMPORARY_STATUSES = (408, 429, 500, 502, 503, 504)
"""HTTP statuses after which a later try may succeed."""


def judge(folder: RunFolder, base_url: str, model: str) -> Figure:
    """Score all utterances of a run that this model has not scored yet. Writes their mean to the folder and returns it.

    Raises DataError if the server can't be reached or answers anything but a number from 1 to 5.
    """
    scores = folder.scores(model)
    for result in folder.results():
        if result.name not in scores:
            scores[result.name] = ask(base_url, model, result.pair)
            folder.add_score(model, result.name, scores[result.name])
    if not scores:
        raise DataError(f"{folder.path} holds no utterances: let `python -m evaluation.run` finish first")
    mean = mean_score(QUALITY, list(scores.values()))
    figure = Figure(mean.name, mean.value, mean.low, mean.high, f"{mean.detail} by {model}")
    folder.write_quality(asdict(figure))
    return figure


def ask(base_url: str, model: str, pair: Pair) -> int:
    """Return the judge's score of one translation, 1 to 5. An empty translation scores 1 without a request."""
    reference, hypothesis = pair.texts
    if not hypothesis:
        return 1
    prompt = PROMPT.replace("{reference}", reference).replace("{hypothesis}", hypothesis)
    body = {"model": model, "temperature": 0, "messages": [{"role": "user", "content": prompt}]}
    answer = _post(f"{base_url.rstrip('/')}/chat/completions", body)
    if not (score := re.fullmatch(r"\W*([1-5])\W*", answer)):
        raise DataError(f"{model} answers {answer[:80]!r}, not a number from 1 to 5: choose another --model")
    return int(score[1])


def _post(url: str, body: dict) -> str:
    """Return the model's answer."""
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("OPENAI_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        return _read_with_retries(request)["choices"][0]["message"]["content"]
    except (http.client.HTTPException, OSError) as error:
        raise DataError(f"{url} cannot be reached ({error}): check --base_url and OPENAI_API_KEY") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{url} does not answer as OpenAI's chat completions do: check --base_url") from error


def _read_with_retries(request: urllib.request.Request) -> dict:
    """Return the JSON of the response; after a temporary error wait and try again. Raises the last try's error."""
    for wait in (*WAITS_SECONDS, None):
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
                return json.load(response)
        except (http.client.HTTPException, OSError) as error:
            is_final = isinstance(error, urllib.error.HTTPError) and error.code not in TEMPORARY_STATUSES
            if is_final or wait is None:
                raise
            time.sleep(max(wait, _asked_wait(error)))
    raise AssertionError("the last try returns or raises")


def _asked_wait(error: Exception) -> float:
    """Seconds that the server asks for with `Retry-After`, at most MAX_WAIT_SECONDS; 0 if it gives no number."""
    asked = error.headers.get("Retry-After", "") if isinstance(error, urllib.error.HTTPError) else ""
    return min(float(asked), MAX_WAIT_SECONDS) if asked.isdecimal() else 0.0


def main(argv: list[str] | None = None) -> int:
    """Score the translations of a run and print their mean; return the exit code."""
    parser = OptionParser(prog="python -m evaluation.judge", description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="an output folder of `python -m evaluation.run`")
    parser.add_argument("--base_url", required=True, help="such as http://localhost:8000/v1")
    parser.add_argument("--model", required=True, help="the judge's name on the server")
    options = parser.parse_args(argv)

    def work() -> None:
        figure = judge(RunFolder(options.results), options.base_url, options.model)
        print(f"{figure.name} {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}] ({figure.detail})")

    return exit_code_of(work)


if __name__ == "__main__":
    raise SystemExit(main())
