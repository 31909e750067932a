"""Spellings of names that nobody uses. A model can't memorise them, so it has to copy them from a list."""

from __future__ import annotations

import random

from training.synthesis import names

VOWELS = "a e i o u y ae ai au ea ee ei ie io oa oo ou ue".split()
VOWEL_LETTERS = "aeiouyáéíóúâêôãõ"
LETTERS = "abcdefghijklmnoprstuvwyz"
ENDINGS = "ehans"
SIMILAR = tuple(
    tuple(pair.split("/"))
    for pair in (
        "c/k k/c ck/k k/ck ph/f f/ph i/y y/i s/z z/s t/th th/t j/g g/j v/w w/v x/ks qu/k ch/c c/ch s/c sh/s s/sh n/nn "
        "nn/n l/ll ll/l r/rr rr/r d/t b/p"
    ).split()
)
"""What may be replaced by what: it sounds similar."""
KANJI = [bytes([row + 0xA0, cell + 0xA0]).decode("euc_jp") for row in range(16, 47) for cell in range(1, 95)]
"""The first kanji of JIS X 0208, in the order of its rows. They are the usual ones."""
KANJI_OF_NAMES = sorted(
    {kanji for name in names.every_name("Japanese") if name not in names.ONLY_LISTED["Japanese"] for kanji in name}
)
KANJI_OF_NAMES_SHARE = 0.4
TWO_KANJI_SHARE = 0.3
"""How often two kanji of a longer name are replaced. Otherwise it is one."""


def invent(rng: random.Random, language: str, name: str) -> str:
    """Return another spelling of a name, of at least two letters, that is none of `names.every_name(language)`.

    One kanji or two are replaced, or one change or two are made to the letters.
    """
    known = {*names.every_name(language), name}
    change = _change_kanji if language == "Japanese" else _change_letters
    while (invented := change(rng, name)) in known or len(invented) < 2:
        pass
    return invented


def _change_kanji(rng: random.Random, name: str) -> str:
    kanji = list(name)
    count = 2 if len(name) > 2 and rng.random() < TWO_KANJI_SHARE else 1
    for place in rng.sample(range(len(kanji)), count):
        kanji[place] = rng.choice(KANJI_OF_NAMES if rng.random() < KANJI_OF_NAMES_SHARE else KANJI)
    return "".join(kanji)


def _change_letters(rng: random.Random, name: str) -> str:
    spelled = name.lower()
    for change in rng.choices(list(CHANGES), list(CHANGES.values()), k=rng.choice((1, 1, 2))):
        spelled = change(rng, spelled)
    return spelled.capitalize()


def _similar(rng: random.Random, name: str) -> str:
    found = [pair for pair in SIMILAR if pair[0] in name]
    if not found:
        return name
    old, new = rng.choice(found)
    place = rng.choice([place for place in range(len(name)) if name.startswith(old, place)])
    return name[:place] + new + name[place + len(old) :]


def _other_vowel(rng: random.Random, name: str) -> str:
    places = [place for place, letter in enumerate(name) if letter in VOWEL_LETTERS]
    return _replaced(name, rng.choice(places), rng.choice(VOWELS)) if places else name


def _add_h(rng: random.Random, name: str) -> str:
    place = rng.randrange(1, len(name) + 1)
    return name[:place] + "h" + name[place:]


def _remove_letter(rng: random.Random, name: str) -> str:
    return _replaced(name, rng.randrange(1, len(name)), "") if len(name) > 3 else name


def _other_letter(rng: random.Random, name: str) -> str:
    return _replaced(name, rng.randrange(len(name)), rng.choice(LETTERS))


def _add_ending(rng: random.Random, name: str) -> str:
    return name + rng.choice(ENDINGS)


def _replaced(name: str, place: int, new: str) -> str:
    return name[:place] + new + name[place + 1 :]


CHANGES = {
    _similar: 0.35,
    _other_vowel: 0.3,
    _add_h: 0.1,
    _remove_letter: 0.1,
    _other_letter: 0.08,
    _add_ending: 0.07,
}
"""Changes to letters, and how often each is made."""
