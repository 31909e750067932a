"""How many tokens a text may have. Without torch, for engines that compute elsewhere."""

from __future__ import annotations

# Fast speech stays under 10 tokens per second in the languages served. A text that uses up this budget is almost
# certainly runaway output.
BUDGET_TOKENS = 32
BUDGET_TOKENS_PER_SECOND = 16


def token_budget(seconds: float) -> int:
    """Return how many tokens the text of a clip of this length may have."""
    return BUDGET_TOKENS + round(BUDGET_TOKENS_PER_SECOND * seconds)
