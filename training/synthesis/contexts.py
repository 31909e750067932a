"""Draws the lists of names that training clips have as context.

The speech is always that of a name's usual spelling. So only the list tells how the name has to be written.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from training.synthesis import names
from training.synthesis.invented_names import invent

INVENTED_SHARE, OTHER_SPELLING_SHARE, USUAL_SPELLING_SHARE = 0.5, 0.08, 0.06
"""How often the list has a name that is said, by spelling: invented, another known one, the usual one."""
UNSAID_INVENTED_SHARES = {"Japanese": 0.2, "English": 0.3, "Portuguese": 0.3}
"""Share of invented spellings among the names of a list that are not said, by language."""


def choose_spellings(rng: random.Random, language: str, said: Iterable[str]) -> dict[str, str]:
    """Draw which of the names that are said a list has, and how it spells them: usual -> listed spelling.

    said: usual spellings.
    """
    shares = (INVENTED_SHARE, OTHER_SPELLING_SHARE, USUAL_SPELLING_SHARE)
    chosen = {}
    for name in said:
        other = rng.choice(names.other_spellings(language, name) or [name])
        drawn = (invent(rng, language, name), other, name, "")
        if spelling := rng.choices(drawn, (*shares, 1 - sum(shares)))[0]:
            chosen[name] = spelling
    return chosen


def draw_context(rng: random.Random, language: str, *texts: str) -> tuple[str, dict[str, str], list[str]]:
    """Draw a list for a clip. Return it as context and as listed -> usual spellings, and the texts as it spells them.

    texts: in usual spellings; the first is in `language` and has the words that are said.
    """
    said = names.find_names(texts[0], names.usual_names(language))
    chosen = choose_spellings(rng, language, said)
    usual = {spelling: name for name, spelling in chosen.items()}
    listed = {}
    for name in names.draw_list(rng, language, said, usual):
        spelling = name
        if name not in usual and rng.random() < UNSAID_INVENTED_SHARES[language]:
            spelling = invent(rng, language, name)
        listed[spelling] = usual.get(name) or names.usual(language, name)
    context = names.join_list(rng, language, list(listed))
    return context, listed, [names.respell(text, chosen) for text in texts]
