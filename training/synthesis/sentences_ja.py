"""Japanese patterns for the tiny checkpoint's phone calls, and the words for their slots."""

from __future__ import annotations

WORDS = {
    "name": (
        "佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 清水 斎藤 山崎 "
        "池田 橋本 阿部 石川 山下 中島 石井 小川 前田 岡田 長谷川 藤田 後藤 近藤 村上 遠藤 青木 坂本 西村 福田"
    ).split(),
    "shop": (
        "さくら歯科 みどり病院 ひかり銀行 青空ホテル 中央図書館 駅前クリニック 花園美容院 富士旅行社 "
        "山手電気 北海食堂 港不動産 若葉幼稚園"
    ).split(),
    "service": (
        "診察 検査 面接 会議 見学 工事 点検 配達 相談 修理 引っ越し 健康診断 打ち合わせ 説明会 体験授業 掃除"
    ).split(),
    "month": [f"{month}月" for month in range(1, 13)],
    "day": [f"{day}日" for day in range(1, 32)],
    "weekday": "月曜日 火曜日 水曜日 木曜日 金曜日 土曜日 日曜日".split(),
    "time": [
        f"{half}{hour}時{minute}" for half in ("午前", "午後") for hour in range(1, 12) for minute in ("", "半", "15分")
    ],
    "item": (
        "牛乳 りんご みかん お茶 コーヒー お弁当 ケーキ 花束 傘 靴 帽子 鞄 時計 辞書 雑誌 机 椅子 本棚 冷蔵庫 "
        "洗濯機 掃除機 電子レンジ テレビ パソコン プリンター 電話機 枕 布団 毛布 カーテン 鏡 自転車 手袋 財布 "
        "眼鏡 石鹸"
    ).split(),
    "count": "一つ 二つ 三つ 四つ 五つ 六つ 七つ 八つ".split(),
    "price": "300 500 800 900 1000 1200 1500 2000 2500 3000 4000 5000 6000 8000 10000 20000".split(),
    "color": "赤 青 白 黒 緑 黄色 茶色 紫".split(),
    "city": (
        "東京 大阪 京都 名古屋 札幌 仙台 横浜 神戸 広島 福岡 新潟 金沢 静岡 奈良 長崎 熊本 鹿児島 青森 秋田 "
        "千葉 松山 高知 岡山 沖縄"
    ).split(),
    "town": "本町 緑町 桜町 栄町 大手町 泉町 旭町 幸町 中町 寺町 浜町 川端町".split(),
    "number": "3 5 6 8 10 12 15 18 20 24 25 30 36 40 45 50".split(),
    "days": "二日 三日 四日 五日 一週間 二週間 一か月".split(),
    "fault": (
        "電源が入りません|音が出ません|水が漏れています|鍵が開きません|画面が暗いです|窓が閉まりません|"
        "荷物が届きません|電気がつきません|お湯が出ません|部屋が寒いです|紙が詰まりました|字が読めません|"
        "線が切れています|蓋が取れました"
    ).split("|"),
    "machine": "冷蔵庫 洗濯機 掃除機 電子レンジ テレビ パソコン プリンター 電話機".split(),
    "defect": "電源が入りません 音がおかしいです 調子が悪いです 線が切れています 蓋が開きません".split(),
    "part": "頭 喉 お腹 背中 腰 奥歯 肩 膝 足 目 耳 胸".split(),
    "family": "母 父 娘 息子 妻 夫 祖母 祖父 兄 姉 妹 弟".split(),
    "place": "郵便局 市役所 学校 工場 空港 公園 美術館 本社 現場 倉庫".split(),
    "weather": "暑い 寒い 涼しい 暖かい 蒸し暑い いい天気 ひどい雨 すごい風".split(),
    "season": "春 夏 秋 冬 朝 夜".split(),
    "transport": "電車 バス 車 地下鉄 新幹線 タクシー 船 飛行機".split(),
    "food": (
        "寿司 天ぷら うどん そば 焼き魚 カレー ラーメン 餃子 豆腐 刺身 おにぎり 卵焼き 味噌汁 焼き鳥 トマト "
        "大根 ぶどう 桃 すいか チーズ"
    ).split(),
    "activity": (
        "映画を見ます|釣りに行きます|買い物をします|山に登ります|本を読みます|料理をします|友達に会います|"
        "絵を描きます|野球をします|音楽を聞きます|庭の手入れをします|温泉に行きます|写真を撮ります|犬と歩きます"
    ).split("|"),
    "paper": "請求書 領収書 申込書 保険証 身分証 見積書 地図 切符".split(),
}

PATTERNS = """
はい、{shop}でございます。
こちらは{shop}の{name}です。
お電話ありがとうございます。
いつもお世話になっております。
もしもし、{name}と申します。
{name}さんはいらっしゃいますか。
担当の{name}に代わります。
{name}様ですね。
あいにく{name}は{place}に出かけています。
{name}は{time}に戻ります。
{service}の予約をお願いします。
{service}の日を変えたいのですが。
{service}の予約を取り消してください。
{service}は{time}からです。
{family}の{service}をお願いできますか。
{month}{day}の{time}は空いていますか。
{month}{day}の{time}にお待ちしております。
{month}{day}は休みです。
{weekday}の{time}はいかがですか。
{weekday}なら大丈夫です。
{weekday}は都合が悪いです。
では{weekday}の{time}にお願いします。
{item}を{count}注文したいのですが。
{item}を{count}ですね。
{item}は売り切れです。
{item}はいくらですか。
全部で{price}円です。
{color}の{item}はありますか。
{color}と{color}があります。
{item}を{city}まで送ってください。
住所は{city}の{town}です。
{town}の{number}番地です。
{place}の隣です。
{machine}の{defect}。
昨日から{fault}。
{part}が痛いです。
{days}前から{part}が痛いです。
{family}は{part}が悪いです。
{paper}を送ってください。
{paper}を持って{place}に来てください。
今日は{weather}ですね。
{city}の{season}は{weather}です。
{city}から{city}まで{transport}で行きます。
{transport}で{number}分かかります。
{food}と{food}をください。
昨日{family}と{food}を食べました。
週末は{family}と{activity}。
{season}は{place}で{activity}。
お名前を教えてください。
ご住所をお願いします。
少々お待ちください。
かしこまりました。
ありがとうございました。
よろしくお願いします。
それでは失礼いたします。
""".split()
