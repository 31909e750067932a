"""Names that sound alike and are spelled differently, and the lists of names that a user gives as context.

The usual spelling of a group comes first. It is the one that is spoken, and the one to write without a list.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping

GROUPS = {
    language: tuple(tuple(group.split("/")) for group in text.split())
    for language, text in {
        "Japanese": """
            佐藤/左藤/佐籐 鈴木/鈴樹 高橋/髙橋 田中/田仲 渡辺/渡邊/渡邉/渡部 伊藤/伊東 山本/山元 中村/仲村 加藤/嘉藤
            吉田/芳田 佐々木/佐佐木 松本/松元 井上/井之上 木村/樹村 清水/志水 斎藤/斉藤/齋藤/齊藤 山崎/山﨑 橋本/橋元
            阿部/安部/安倍 石川/石河 中島/中嶋 石井/石居 小川/緒川 岡田/丘田 後藤/五藤 近藤/近籐 坂本/阪本/坂元
            青木/蒼木 西村/西邑 村上/邑上 島田/嶋田 沢田/澤田 太田/大田 酒井/坂井 菊池/菊地 河合/川合 川村/河村
            川上/河上 広田/廣田 国分/國分 桜井/櫻井 黒沢/黒澤 長島/長嶋 関根/關根
        """,
        "English": """
            Sarah/Sara Katherine/Catherine/Kathryn Steven/Stephen Philip/Phillip Brian/Bryan Eric/Erik Anne/Ann
            Jeffrey/Geoffrey Mark/Marc John/Jon Rachel/Rachael Rebecca/Rebekah Allison/Alison/Allyson Nicholas/Nicolas
            Teresa/Theresa Elizabeth/Elisabeth Sophia/Sofia Alan/Allan/Allen Sean/Shawn/Shaun Christina/Kristina
            Matthew/Mathew Jonathan/Johnathan Lindsay/Lindsey Megan/Meghan Hannah/Hanna Carl/Karl Kelly/Kelley
            Stuart/Stewart Gary/Garry Lawrence/Laurence Claire/Clare Diane/Dianne Vivian/Vivien Harriet/Harriett
        """,
        "Portuguese": """
            Ana/Anna Maria/Mariah Marta/Martha Rita/Ritta Sofia/Sophia Tiago/Thiago Miguel/Myguel Helena/Elena
            Laura/Lawra Bruno/Brunno Daniel/Danyel Beatriz/Beatris Teresa/Tereza/Theresa Gabriel/Gabryel Lucas/Lukas
            Júlia/Giulia Manuel/Manoel Clara/Klara Carla/Karla Rafael/Raphael Inês/Inez/Ignez Diana/Dianna Hugo/Ugo
            Artur/Arthur Ricardo/Riccardo Paulo/Paullo Luís/Luiz Vítor/Victor Mateus/Matheus Isabela/Izabela/Isabella
            Luísa/Luiza Cristina/Christina Ester/Esther Davi/Davy Caio/Kaio Rebeca/Rebecca Felipe/Philipe Susana/Suzana
            Nádia/Nadja Tomás/Thomaz Catarina/Katarina Raquel/Rachel
        """,
    }.items()
}
ONLY_LISTED = {
    "Japanese": ("仲村", "阪本", "齋藤", "松元", "中嶋", "河村"),
    "English": ("Erik", "Marc", "Kathryn", "Shaun", "Rachael", "Allan"),
    "Portuguese": ("Martha", "Karla", "Theresa", "Lukas", "Suzana", "Ignez"),
}
"""Spellings that training has in lists only, among the names that are not said. They show whether a model copies a
spelling, or chooses among those that it has learned to write."""
OTHERS = {
    "Japanese": (
        "安藤 大野 原田 三浦 内田 金子 藤井 野口 松尾 星野 岩崎 宮本 増田 丸山 新井 久保 平野 武田 上野 杉山"
    ).split(),
    "English": (
        "Oliver Emma Henry Grace Walter Ruth Edward Alice Martin Joyce Victor Judith Simon Audrey Frank Irene Ralph "
        "Edith Roger Nancy"
    ).split(),
    "Portuguese": (
        "Otávio Lívia Simone Joaquim Márcia Eduardo Vanessa Rogério Patrícia Sérgio Leonor Duarte Mônica Gustavo "
        "Adriana Renato Camila Afonso Denise Valter"
    ).split(),
}
"""More names for the lists. They are never said."""
LIST_LENGTHS = (*range(2, 13), 20, 32)
"""Most lists are short. Long ones are drawn sometimes, so that they do no harm."""
SEPARATORS = (", ", ", ", ",", " ", "\n", "; ")
JAPANESE_SEPARATORS = ("、", "、", *SEPARATORS)

_GROUP_OF = {language: {name: group for group in groups for name in group} for language, groups in GROUPS.items()}


def usual_names(language: str) -> list[str]:
    """Return the usual spelling of every group."""
    return [group[0] for group in GROUPS[language]]


def every_name(language: str) -> list[str]:
    """Return all names that a list can have, in all spellings."""
    return [*_GROUP_OF[language], *OTHERS[language]]


def other_spellings(language: str, name: str, only_listed: bool = False) -> list[str]:
    """Return other spellings than the usual one, `name`: those that training writes, or those of ONLY_LISTED."""
    return [other for other in _GROUP_OF[language][name][1:] if (other in ONLY_LISTED[language]) == only_listed]


def usual(language: str, name: str) -> str:
    """Return the usual spelling of a name; the name itself if it is in no group."""
    return _GROUP_OF[language].get(name, (name,))[0]


def find_names(text: str, names: Iterable[str]) -> list[str]:
    """Return the names that are in a text, each once, in the order in which they occur."""
    return list(dict.fromkeys(whole_names(names).findall(text)))


def respell(text: str, spellings: Mapping[str, str]) -> str:
    """Return a text with other spellings of its names. spellings: name in the text -> how to spell it."""
    return whole_names(spellings).sub(lambda found: spellings[found[0]], text)


def to_usual(language: str, text: str) -> str:
    """Return a text with the usual spelling of every name."""
    return respell(text, {name: group[0] for name, group in _GROUP_OF[language].items()})


def draw_list(rng: random.Random, language: str, said: Iterable[str] = (), listed: Iterable[str] = ()) -> list[str]:
    """Draw a list of names in random order, with at most one spelling of a name.

    said: usual spellings of the names that are said. listed: the ones to put on the list, as it spells them. All other
    names on the list are not said.
    """
    listed, said = list(listed), set(said)
    unsaid = [rng.choice(group) for group in GROUPS[language] if group[0] not in said] + OTHERS[language]
    more = max(1, rng.choice(LIST_LENGTHS) - len(listed))
    drawn = listed + rng.sample(unsaid, more)
    rng.shuffle(drawn)
    return drawn


def join_list(rng: random.Random, language: str, names: list[str]) -> str:
    """Return a list of names as somebody would write it."""
    return rng.choice(JAPANESE_SEPARATORS if language == "Japanese" else SEPARATORS).join(names)


def whole_names(names: Iterable[str]) -> re.Pattern:
    """Return a pattern that finds names, but none inside a longer word of Latin letters. Without names it finds none.

    Japanese has no spaces, so Japanese names are found anywhere.
    """
    alternatives = "|".join(sorted(map(re.escape, names), key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"(?<![A-Za-zÀ-ÿ])(?:{alternatives})(?![A-Za-zÀ-ÿ])")
