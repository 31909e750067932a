"""Which tokens become firm, without a model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kikitori.live.agreement import HOLD_BACK, Agreement


def tokens(text: str) -> tuple[tuple[int, float], ...]:
    return tuple((ord(letter), -0.5) for letter in text)


def text(part: tuple[tuple[int, float], ...]) -> str:
    return "".join(chr(token) for token, _ in part)


def after(*passes: str) -> tuple[str, str]:
    """Firm text and tail after passes over one second more each."""
    agreement = Agreement()
    for seconds, one in enumerate(passes, start=1):
        agreement.add(tokens(one), seconds)
    return text(agreement.firm), text(agreement.tail)


def test_what_two_passes_agree_on_is_firm():
    assert after("good dog") == ("", "good dog")
    assert after("good dog", "good day to you") == ("good d", "ay to you")
    assert after("good dog", "bad dog") == ("", "bad dog")
    assert after("good dog", "good day to", "good day today") == ("good day to", "day")


def test_the_last_tokens_of_a_pass_are_held_back():
    assert after("good day", "good day") == ("good day"[:-HOLD_BACK], "good day"[-HOLD_BACK:])
    assert after("a", "a") == ("", "a")


def test_a_pass_that_may_not_commit_shows_its_tail_only():
    agreement = Agreement()
    agreement.add(tokens("good day"), 1)
    agreement.add(tokens("good day to you"), 2, may_commit=False)
    assert (text(agreement.firm), text(agreement.tail)) == ("", "good day to you")
    agreement.add(tokens("good day to me, sir"), 3)
    assert text(agreement.firm) == "good day", "compared with the pass before, which could commit"
    assert agreement.covered == 1


def test_a_cut_comes_after_the_sound_of_the_first_of_the_two_passes():
    agreement = Agreement()
    agreement.add(tokens("one two"), 100)
    agreement.add(tokens("one two three"), 200)
    assert agreement.covered == 100
    agreement.add(tokens("one two 3 four"), 300)
    assert agreement.covered == 200
    agreement.add(tokens("one two tree"), 400)
    assert (text(agreement.firm), agreement.covered) == ("one two ", 200), "nothing new became firm"


def test_after_a_pass_that_went_wrong_two_others_must_agree():
    agreement = Agreement()
    agreement.add(tokens("good day"), 1)
    agreement.distrust()
    assert agreement.tail == ()
    agreement.add(tokens("good day to you"), 2)
    assert agreement.firm == ()


@given(st.lists(st.text("abc", max_size=12), max_size=8))
def test_firm_tokens_never_change(tails):
    agreement = Agreement()
    for seconds, tail in enumerate(tails):
        firm = agreement.firm
        agreement.add((*firm, *tokens(tail)), seconds)
        assert agreement.firm[: len(firm)] == firm
        assert text(agreement.firm + agreement.tail) == text(firm) + tail
