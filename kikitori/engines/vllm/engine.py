"""Windows decoded by vLLM servers, many at once; what a server's restart interrupts is asked for again."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import count
from typing import Any

import numpy as np

from kikitori.audio.files import SAMPLE_RATE
from kikitori.engines.engine import Prompt
from kikitori.engines.vllm.addresses import least_busy
from kikitori.engines.vllm.answers import Answer
from kikitori.engines.vllm.client import RefusedError, Requests, UnavailableError
from kikitori.engines.vllm.outages import note_away, note_back
from kikitori.engines.vllm.requests import chat_request
from kikitori.engines.vllm.servers import find_servers, look_at
from kikitori.errors import EngineError, WindowRefusedError
from kikitori.model.budget import token_budget
from kikitori.result import Alignment, DecodingResult
from kikitori.tasks import Checkpoint
from kikitori.transcript import Turn

PATIENCE_SECONDS = 600.0
"""How long a window waits for a server that does not answer. One that is restarted loads its model first."""
RETRY_SECONDS = 1.0
AWAY_SECONDS = 15.0
"""How long a server that was away gets no window while another one works."""
REFUSED_WINDOW = (400, 413, 422)
"""The statuses of requests that are themselves at fault. Others, such as 401 and 404, would refuse any window."""
MAX_AT_ONCE = 64
"""Windows of one job that are sent together; the server lets those wait that it has no room for."""


class VllmEngine:
    """Decodes with a checkpoint that vLLM servers have loaded; loads the forced aligner when it is first needed.

    checkpoint: with the addresses in `urls`. Those are used that serve it; they are asked at once. needs_speakers:
    refuse a server without tokens for speakers. device, dtype: for the aligner, as in LocalEngine.
    Raises EngineError if no server can be used.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        aligner_checkpoint: Checkpoint,
        device: str | None = None,
        dtype=None,
        needs_speakers: bool = False,
    ):
        self.name = checkpoint.name
        self._checkpoint, self._needs_speakers = checkpoint, needs_speakers
        self._aligner = aligner_checkpoint, device, dtype
        self._servers = find_servers(checkpoint.urls, checkpoint, needs_speakers)
        self._asked_again_at = dict.fromkeys(self._servers, time.monotonic() + AWAY_SECONDS)

    @property
    def aligner(self) -> Any:
        """The `qwen_asr.Qwen3ForcedAligner`, loaded once per process. Raises CheckpointError."""
        from kikitori.engines.local import load_aligner  # imports torch

        return load_aligner(*self._aligner)

    @property
    def device_and_dtype(self) -> str:
        """Who computes, without addresses: such as `vLLM 0.32.0`."""
        return f"vLLM {', '.join(sorted({server.version for server in self._servers.values() if server}))}".strip()

    def stream(
        self, waveforms: Sequence[np.ndarray], prompt: Prompt, max_tokens: int | None = None
    ) -> Iterator[list[DecodingResult]]:
        """Decode clips, as `Engine.stream`. Raises EngineError if a server refuses one or stays away."""
        answers = [Answer() for _ in waveforms]
        requests, news = Requests(), queue.SimpleQueue()
        pool = ThreadPoolExecutor(min(MAX_AT_ONCE, max(1, len(waveforms))), "vllm")
        try:
            waiting = set()
            for place, waveform in enumerate(waveforms):
                work = pool.submit(
                    self._decode, requests, waveform, prompt, max_tokens, partial(_tell, news, answers, place)
                )
                work.add_done_callback(news.put)
                waiting.add(work)
            while waiting:
                for work in _all_of(news):
                    if work is not None:
                        waiting.discard(work)
                        work.result()  # raises what has gone wrong
                if waiting:
                    yield [answer.result() for answer in answers]
            yield [answer.result() for answer in answers]
        finally:
            requests.cancel()
            pool.shutdown(cancel_futures=True)

    def align(self, waveform: np.ndarray, turns: Sequence[Turn], language: str) -> Alignment:
        """Measure times in this process, as `Engine.align`."""
        from kikitori.model.aligner import align_turns  # imports torch

        return align_turns(self.aligner, waveform, turns, language)

    def _decode(self, requests: Requests, waveform: np.ndarray, prompt: Prompt, max_tokens: int | None, tell) -> None:
        """Decode one clip; `tell` gets its answer whenever it has grown. Asks again when no server has answered."""
        budget = max_tokens or token_budget(len(waveform) / SAMPLE_RATE)
        deadline, delay = time.monotonic() + PATIENCE_SECONDS, RETRY_SECONDS
        for attempt in count(1):
            with least_busy(self._addresses()) as url:
                try:
                    self._ask(requests, url, waveform, prompt, budget, tell)
                    return
                except RefusedError as error:
                    kind = WindowRefusedError if error.status in REFUSED_WINDOW else EngineError
                    raise kind("engine_refused", url=url, why=error) from error
                except UnavailableError as error:
                    self._servers[url] = None  # looked at again before it gets another window
                    self._asked_again_at[url] = time.monotonic() + AWAY_SECONDS
                    if attempt > 1:  # a server that answers the second time is no news
                        note_away(url, error, PATIENCE_SECONDS)
                    if time.monotonic() + delay > deadline:
                        raise EngineError("engine_unreachable", url=url, why=error) from error
            requests.wait(delay)
            delay = min(2 * delay, 15.0)

    def _addresses(self) -> list[str]:
        """The servers that may get a window now: one that was away, if it is its turn, or those that work, or all."""
        now = time.monotonic()
        for url, server in self._servers.items():
            if server is None and now >= self._asked_again_at[url]:
                self._asked_again_at[url] = now + AWAY_SECONDS  # one window tries it, not all
                return [url]
        return [url for url, server in self._servers.items() if server] or list(self._servers)

    def _ask(self, requests: Requests, url: str, waveform: np.ndarray, prompt: Prompt, budget: int, tell) -> None:
        """Decode one clip on one server. Raises UnavailableError, RefusedError, CancelledError or EngineError."""
        server = self._servers[url]
        if server is None:
            server = look_at(requests, url, self._checkpoint, self._needs_speakers)
            self._servers[url] = server
        answer = Answer()
        body = chat_request(server, waveform, prompt, budget)
        with closing(requests.events(url, "/v1/chat/completions", body)) as events:
            for event in events:
                note_back(url)
                answer.add(event)
                tell(answer)
                if answer.ended_by:
                    return
        raise UnavailableError("the answer was cut off")


def _tell(news: queue.SimpleQueue, answers: list[Answer], place: int, answer: Answer) -> None:
    """Show a clip's answer in place of that of an earlier attempt."""
    answers[place] = answer
    news.put(None)


def _all_of(news: queue.SimpleQueue) -> Iterator[Any]:
    """Wait for news, and yield all there are."""
    yield news.get()
    while not news.empty():
        yield news.get()
