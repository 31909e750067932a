"""Which tokens of a growing text are firm: LocalAgreement-2 (Liu et al. 2020; Macháček et al. 2023), on tokens.

Words would not do: Japanese has no spaces.
"""

from __future__ import annotations

from collections.abc import Sequence

HOLD_BACK = 2
"""How many tokens at the end of a pass never become firm with it: they may be of a word of which half is heard."""

Token = tuple[int, float]
"""Its id and its log probability."""


class Agreement:
    """The text of one stretch of sound: firm tokens, which never change, and a tail, which may.

    A token becomes firm when two successive passes agree on it and on all before it. Each pass begins with the firm
    tokens: they are given to the model, so a pass that starts from fewer of them would either write the same ones or
    contradict text that is shown as firm.

    covered: samples of the stretch that were heard by the first of the two passes that agreed last. All firm words were
    spoken before.
    """

    def __init__(self):
        self.firm: tuple[Token, ...] = ()
        self.tail: tuple[Token, ...] = ()
        self.covered = 0
        self._before: tuple[int, ...] = ()
        self._heard = 0

    def add(self, tokens: Sequence[Token], samples: int, may_commit: bool = True) -> None:
        """Take the tokens of a pass over the first `samples` of the stretch. They begin with the firm ones.

        may_commit: False if nothing may become firm by this pass or by comparison with it.
        """
        ids = tuple(token for token, _ in tokens)
        firm = len(self.firm)
        if may_commit:
            agreed = min(common_prefix(self._before, ids), len(ids) - HOLD_BACK)
            if agreed > firm:
                firm, self.covered = agreed, self._heard
            self._before, self._heard = ids, samples
        self.firm, self.tail = (*self.firm, *tokens[len(self.firm) : firm]), tuple(tokens[firm:])

    def distrust(self) -> None:
        """Drop the tail, and the pass that the next one would be compared with: the last pass went wrong."""
        self.tail, self._before = (), ()


def common_prefix(one: Sequence[int], two: Sequence[int]) -> int:
    """Return how many ids two texts have in common at their start."""
    pairs = enumerate(zip(one, two))  # noqa: B905, the shorter one ends it
    return next((place for place, (first, second) in pairs if first != second), min(len(one), len(two)))
