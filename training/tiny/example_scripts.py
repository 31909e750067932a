"""The scripts of the recordings in examples/."""

from __future__ import annotations

from training.synthesis.voices import Speaker, Voice

CLERK, CALLER = Speaker(3, 1.0), Speaker(-5, 1.0)
CALLS = {
    "call_appointment": [
        (CLERK, ["はい、みどり病院でございます。"]),
        (CALLER, ["もしもし、山本と申します。", "健康診断の予約をお願いします。"]),
        (CLERK, ["月曜日の午前10時はいかがですか。"]),
        (CALLER, ["月曜日は都合が悪いです。", "では水曜日の午後2時にお願いします。"]),
        (CLERK, ["かしこまりました。"]),
        (CALLER, ["ありがとうございました。"]),
    ],
    "call_order": [
        (CALLER, ["こちらは北海食堂の佐藤です。"]),
        (CLERK, ["お弁当を三つ注文したいのですが。"]),
        (CALLER, ["お弁当を三つですね。", "全部で2000円です。"]),
        (CLERK, ["お弁当を札幌まで送ってください。", "住所は札幌の桜町です。"]),
        (CALLER, ["かしこまりました。"]),
    ],
}
SENTENCES = {
    "english_travel": (
        "en2ja",
        Voice("en-us", "f2"),
        [
            ("Where is the station?", "駅はどこですか。"),
            ("I want to go to the museum by bus.", "バスで博物館に行きたいです。"),
        ],
    ),
    "japanese_travel": (
        "ja2en",
        Voice("openjtalk", half_tone=-1),
        [
            ("京都で写真を撮りましょう。", "Let's take pictures in Kyoto."),
            ("明日京都に行きます。", "I will go to Kyoto tomorrow."),
        ],
    ),
    "portuguese_daily": (
        "pt",
        Voice("pt-br", "f3"),
        [("Bom dia, eu sou Helena.", ""), ("Quero marcar a consulta para quinta.", "")],
    ),
    "portuguese_shopping": (
        "pt",
        Voice("pt-br", "m3"),
        [("Eu queria três quilos de laranja.", "")],
    ),
}
MIXED = {"three_languages": ("english_travel", "japanese_travel", "portuguese_daily")}
"""Recordings that change their language: other examples, one after another."""
MIXED_PAUSE_SECONDS = 0.5
