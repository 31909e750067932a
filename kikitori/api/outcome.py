"""What a job has made: the transcript, and how sure the model was."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean

from kikitori.transcript import Transcript
from kikitori.update import Update


@dataclass
class Outcome:
    """A transcript with the tokens that it was made from.

    windows: the id and the log probability of each token, for each window.
    means: for each turn, the mean log probability of the tokens of the window in which it ended. As in whisper, all
        turns of a window share it.
    logprobs: the tokens' records (`token_records`), if the client asked for them.
    """

    transcript: Transcript | None = None
    windows: list[tuple[tuple[int, float], ...]] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    logprobs: list[dict] | None = None
    _mean: float = 0.0

    def add(self, step: Update | Transcript) -> None:
        """Take the next result of the job."""
        if isinstance(step, Transcript):
            self.transcript = step
            return
        self.windows.append(step.tokens)
        self._mean = fmean(probability for _, probability in step.tokens) if step.tokens else self._mean
        self.means += [self._mean] * len(step.turns)
