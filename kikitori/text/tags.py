"""Parse the raw text of a checkpoint: speaker tags, control tokens, words.

The format, from the model card of the diarization checkpoint, section "Output format":

    <|spk_0|> はい、お電話ありがとうございます。 <|spk_1|> すいません、予約を。 <|spk_0|> はい。

A tag `<|spk_N|>` begins each turn of a speaker. N counts speakers from 0, in the order of their first words; the
checkpoint has tags for eight of them. The other checkpoints write words alone. Every checkpoint can also write control
tokens of its tokenizer (CONTROL_TOKENS), which are not part of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from kikitori.strings import join_texts
from kikitori.transcript import TranscriptWarning, Turn, merge_neighbours

# The labels for which the diarization checkpoint has tokens (its model card, "Limitations").
SPEAKERS = tuple(f"spk_{number}" for number in range(8))

# The added vocabulary of Qwen3-ASR that is not text (tokenizer_config.json).
CONTROL_TOKENS = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>"),
    *("<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
    *("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<|audio_start|>", "<|audio_end|>", "<|audio_pad|>"),
    *("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"),
    *("<think>", "</think>", "<tts_pad>", "<tts_text_bos>", "<tts_text_eod>"),
    *("<tts_text_bos_single>", "<non_speech>", "<asr_text>", "<timestamp>"),
    *(f"<blank{number}>" for number in range(1, 28)),
)

_TAG = re.compile(r"<\|(spk_[0-9]+)\|>")
TOKEN = re.compile(r"(<\|spk_[0-9]+\|>|" + "|".join(map(re.escape, CONTROL_TOKENS)) + ")")


def parse_turns(raw_text: str) -> tuple[tuple[Turn, ...], tuple[TranscriptWarning, ...]]:
    """Parse the raw text of the diarization checkpoint, `<|spk_0|> words <|spk_1|> words …`.

    Removes tags, control tokens and the white space around them, and keeps everything else. Never raises for a str.

    Returns:
        The turns, with neighbours of one speaker merged, and at most one warning of each kind: untagged (words before
        the first tag, kept with the speaker None), empty_turn (a tag without words, left out), unknown_speaker (a
        label not in SPEAKERS, kept), control_token (removed).
    """
    first, *others = TOKEN.split(raw_text)
    tokens = others[::2]
    runs: list[tuple[str | None, list[str]]] = [(None, [first])]
    for token, text in zip(tokens, others[1::2], strict=True):
        tag = _TAG.fullmatch(token)
        if tag and tag[1] != runs[-1][0]:
            runs.append((tag[1], []))
        runs[-1][1].append(text)
    spoken = [(speaker, join_texts(texts)) for speaker, texts in runs]
    turns = merge_neighbours(Turn(speaker, text) for speaker, text in spoken if text)
    return turns, _turn_warnings(spoken, [token for token in tokens if not _TAG.match(token)])


def parse_plain(raw_text: str) -> tuple[tuple[Turn, ...], tuple[TranscriptWarning, ...]]:
    """Parse the raw text of a checkpoint without speakers: one turn, or none if there are no words.

    Removes control tokens, with one warning of the kind control_token, and speaker tags, which have no meaning here.
    """
    pieces = TOKEN.split(raw_text)
    text = join_texts(pieces[::2])
    turns = (Turn(None, text),) if text else ()
    return turns, _control_token_warnings([token for token in pieces[1::2] if not _TAG.match(token)])


def _turn_warnings(spoken: list[tuple[str | None, str]], control_tokens: list[str]) -> tuple[TranscriptWarning, ...]:
    (_, untagged), *tagged = spoken
    warnings = []
    if untagged:
        message = "the model wrote words before any speaker tag: they are kept without a speaker"
        warnings.append(TranscriptWarning("untagged", message))
    if empty := _names(speaker for speaker, text in tagged if not text):
        message = f"the model wrote no words after the tag of {empty}: the turn is left out"
        warnings.append(TranscriptWarning("empty_turn", message))
    if unknown := _names(speaker for speaker, _ in tagged if speaker not in SPEAKERS):
        message = (
            f"the model wrote the label {unknown}, which is not one of its own ({SPEAKERS[0]} to {SPEAKERS[-1]}): "
            "it is kept as written"
        )
        warnings.append(TranscriptWarning("unknown_speaker", message))
    return (*warnings, *_control_token_warnings(control_tokens))


def _control_token_warnings(tokens: list[str]) -> tuple[TranscriptWarning, ...]:
    if not tokens:
        return ()
    message = f"the model wrote {_names(tokens)} among the words: removed from the text"
    return (TranscriptWarning("control_token", message),)


def _names(items: Iterable[str | None]) -> str:
    return ", ".join(dict.fromkeys(items))
