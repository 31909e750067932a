"""The translation card's score from 1 to 5, given by a language model; the card does not say who gave its own.

    python -m evaluation.judge results/fleurs-en2ja --base_url http://localhost:8000/v1 --model NAME

Any server that speaks OpenAI's chat completions will do; a key is read from OPENAI_API_KEY. The prompt is
`judge_prompt.md`. Scores of different judges do not compare.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import urllib.error
import urllib.request
from dataclasses import asdict
from pathlib import Path

from evaluation.cards import QUALITY
from evaluation.data import DataError
from evaluation.metrics import Figure, mean_score
from evaluation.results import Folder
from evaluation.scoring import Pair
from kikitori.errors import exit_code_of

PROMPT = (Path(__file__).parent / "judge_prompt.md").read_text(encoding="utf-8")
TIMEOUT_SECONDS = 120


def judge(folder: Folder, base_url: str, model: str) -> Figure:
    """Score all utterances of a folder that have no score by this model yet; writes and returns their mean.

    Raises DataError where the server cannot be reached or answers anything but a number from 1 to 5.
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
    """The judge's score of one translation, 1 to 5; 1 without asking where nothing was translated."""
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
    """What the model answers."""
    headers = {"Content-Type": "application/json"}
    if key := os.environ.get("OPENAI_API_KEY"):
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            return json.load(response)["choices"][0]["message"]["content"]
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, OSError) as error:
        raise DataError(f"{url} cannot be reached ({error}): check --base_url and OPENAI_API_KEY") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"{url} does not answer as OpenAI's chat completions do: check --base_url") from error


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.judge", description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="a folder that `python -m evaluation.run` has filled")
    parser.add_argument("--base_url", "--base-url", required=True, help="such as http://localhost:8000/v1")
    parser.add_argument("--model", required=True, help="the judge, as the server calls it")
    options = parser.parse_args(argv)

    def work() -> None:
        figure = judge(Folder(options.results), options.base_url, options.model)
        print(f"{figure.name} {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}] ({figure.detail})")

    return exit_code_of(work)


if __name__ == "__main__":
    raise SystemExit(main())
