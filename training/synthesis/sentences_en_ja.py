"""Pairs of English and Japanese patterns that the tiny checkpoint translates, and pairs of words for their slots.

Both patterns of a pair have the same slots, which are filled with the same pair of words. `{place2}` is a second word
from `place`.
"""

from __future__ import annotations


def _pairs(text: str) -> list[tuple[str, str]]:
    """Split `english=japanese|english=japanese|…` into pairs."""
    return [tuple(pair.strip().split("=")) for pair in text.replace("\n", " ").strip().split("|")]


WORDS = {
    "place": _pairs("""
        the station=駅|the airport=空港|the hotel=ホテル|the museum=博物館|the hospital=病院|the bank=銀行|
        the park=公園|the library=図書館|the school=学校|the beach=海岸|the market=市場|the castle=お城|
        the bridge=橋|the post office=郵便局|the pharmacy=薬局|the theater=劇場|the temple=お寺|
        the harbor=港|the bakery=パン屋|the zoo=動物園|the stadium=競技場|the bookstore=本屋|the church=教会|
        the police station=交番"""),
    "city": _pairs("""
        Tokyo=東京|Osaka=大阪|Kyoto=京都|London=ロンドン|Paris=パリ|New York=ニューヨーク|Rome=ローマ|
        Berlin=ベルリン|Sydney=シドニー|Hawaii=ハワイ|Sapporo=札幌|Hiroshima=広島|Madrid=マドリード|
        Boston=ボストン|Nagoya=名古屋|Vienna=ウィーン|Chicago=シカゴ|Kobe=神戸"""),
    "person": _pairs("""
        my mother=母|my father=父|my brother=兄|my sister=姉|my friend=友達|my teacher=先生|my wife=妻|
        my husband=夫|my son=息子|my daughter=娘|my grandfather=祖父|my grandmother=祖母|the doctor=医者|
        the driver=運転手|the manager=店長|my neighbor=隣の人"""),
    "thing": _pairs("""
        the bag=鞄|the umbrella=傘|the key=鍵|the camera=カメラ|the book=本|the phone=電話|the ticket=切符|
        the map=地図|the passport=パスポート|the wallet=財布|the watch=時計|the letter=手紙|the computer=パソコン|
        the chair=椅子|the table=机|the hat=帽子|the ring=指輪|the coat=コート|the lamp=ランプ|the towel=タオル|
        the bicycle=自転車|the picture=絵|the cup=カップ|the knife=ナイフ|the pillow=枕|the newspaper=新聞|
        the guitar=ギター|the medicine=薬"""),
    "food": _pairs("""
        rice=ご飯|bread=パン|fish=魚|meat=肉|soup=スープ|salad=サラダ|coffee=コーヒー|tea=お茶|milk=牛乳|
        water=水|juice=ジュース|cake=ケーキ|cheese=チーズ|noodles=麺|eggs=卵|apples=りんご|oranges=みかん|
        grapes=ぶどう|potatoes=じゃがいも|tomatoes=トマト|chocolate=チョコレート|beer=ビール|wine=ワイン|
        vegetables=野菜|ice cream=アイスクリーム"""),
    "day": _pairs("""
        on Monday=月曜日に|on Tuesday=火曜日に|on Wednesday=水曜日に|on Thursday=木曜日に|on Friday=金曜日に|
        on Saturday=土曜日に|on Sunday=日曜日に|tomorrow=明日|tonight=今夜|next week=来週|next month=来月|
        this afternoon=今日の午後|this weekend=今週末"""),
    "past": _pairs("""
        yesterday=昨日|last week=先週|last month=先月|last night=昨夜|this morning=今朝|last year=去年|
        two days ago=二日前に|last Sunday=先週の日曜日に"""),
    "hour": _pairs("""
        one o'clock=1時|two o'clock=2時|three o'clock=3時|four o'clock=4時|five o'clock=5時|six o'clock=6時|
        seven o'clock=7時|eight o'clock=8時|nine o'clock=9時|ten o'clock=10時|eleven o'clock=11時|noon=正午|
        midnight=真夜中|half past two=2時半|half past four=4時半|half past six=6時半|half past eight=8時半"""),
    "number": _pairs("""
        two=2|three=3|four=4|five=5|six=6|seven=7|eight=8|nine=9|ten=10|twelve=12|fifteen=15|twenty=20|
        thirty=30|forty=40|fifty=50|sixty=60"""),
    "transport": _pairs("""
        by train=電車で|by bus=バスで|by car=車で|by taxi=タクシーで|by plane=飛行機で|by ship=船で|
        by subway=地下鉄で|by bicycle=自転車で|on foot=歩いて"""),
    "weather": _pairs("""
        sunny=晴れ|rainy=雨|cloudy=曇り|snowy=雪"""),
    "feel": _pairs("""
        hot=暑い|cold=寒い|warm=暖かい|cool=涼しい"""),
    "quality": _pairs("""
        big=大きい|small=小さい|new=新しい|old=古い|expensive=高い|cheap=安い|heavy=重い|light=軽い|
        beautiful=美しい|interesting=面白い|good=良い|dirty=汚い"""),
    "season": _pairs("spring=春|summer=夏|autumn=秋|winter=冬"),
    "month": _pairs("""
        January=1月|February=2月|March=3月|April=4月|May=5月|June=6月|July=7月|August=8月|September=9月|
        October=10月|November=11月|December=12月"""),
    "do": _pairs("""
        swim in the sea=海で泳ぎ|climb a mountain=山に登り|watch a movie=映画を見|take pictures=写真を撮り|
        listen to music=音楽を聞き|play tennis=テニスをし|buy souvenirs=お土産を買い|read a book=本を読み|
        study Japanese=日本語を勉強し|go shopping=買い物をし|cook dinner=夕食を作り|clean the room=部屋を掃除し|
        write a letter=手紙を書き|take a walk=散歩をし|play the piano=ピアノを弾き|ride a horse=馬に乗り|
        send a package=荷物を送り|rest at home=家で休み"""),
    "body": _pairs("""
        my head=頭|my stomach=お腹|my back=背中|my throat=喉|my leg=足|my arm=腕|my tooth=歯|my shoulder=肩|
        my knee=膝|my ear=耳"""),
    "color": _pairs("red=赤い|blue=青い|white=白い|black=黒い|yellow=黄色い|brown=茶色い"),
    "clothes": _pairs("""
        shirt=シャツ|dress=ドレス|sweater=セーター|skirt=スカート|jacket=上着|hat=帽子|tie=ネクタイ|
        scarf=マフラー"""),
    "animal": _pairs("a dog=犬|a cat=猫|a bird=鳥|a horse=馬|a rabbit=うさぎ|a bear=熊|a fox=狐|a cow=牛"),
}

PATTERNS = _pairs("""
Where is {place}?={place}はどこですか。|
{place^} is near {place2}.={place}は{place2}の近くです。|
{place^} opens at {hour}.={place}は{hour}に開きます。|
{place^} closes at {hour}.={place}は{hour}に閉まります。|
How do I get to {place}?={place}へはどう行けばいいですか。|
I want to go to {place} {transport}.={transport}{place}に行きたいです。|
Please take me to {place}.={place}までお願いします。|
I will meet {person} at {place}.={place}で{person}に会います。|
Let's meet at {place} at {hour}.={hour}に{place}で会いましょう。|
I went to {city} {past}.={past}{city}に行きました。|
I will go to {city} {day}.={day}{city}に行きます。|
{person^} lives in {city}.={person}は{city}に住んでいます。|
{person^} went to {place} {past}.={past}{person}は{place}に行きました。|
It takes {number} hours from {city} to {city2}.={city}から{city2}まで{number}時間かかります。|
It takes {number} minutes {transport}.={transport}{number}分かかります。|
The train to {city} leaves at {hour}.={city}行きの電車は{hour}に出ます。|
{person^} bought {thing} {past}.={past}{person}は{thing}を買いました。|
I lost {thing} in {city}.={city}で{thing}をなくしました。|
I forgot {thing} at {place}.={place}に{thing}を忘れました。|
Where did you buy {thing}?={thing}をどこで買いましたか。|
Please show me {thing}.={thing}を見せてください。|
{thing^} is very {quality}.={thing}はとても{quality}です。|
Is {thing} {quality}?={thing}は{quality}ですか。|
{thing^} is on the bed.={thing}はベッドの上にあります。|
I would like {food} and {food2}.={food}と{food2}をお願いします。|
{person^} likes {food}.={person}は{food}が好きです。|
I do not like {food}.={food}は好きではありません。|
We ate {food} {past}.={past}{food}を食べました。|
Do you have {food}?={food}はありますか。|
I paid {number} dollars for {food}.={food}に{number}ドル払いました。|
It will be {weather} {day}.={day}天気は{weather}でしょう。|
It is {feel} in {city} in {season}.={season}の{city}は{feel}です。|
In {month} it is very {feel}.={month}はとても{feel}です。|
I want to {do} {day}.={day}{do}たいです。|
{person^} wants to {do}.={person}は{do}たがっています。|
Let's {do} in {city}.={city}で{do}ましょう。|
{body^} hurts.={body}が痛いです。|
{body^} has hurt since {hour}.={hour}から{body}が痛いです。|
I have a room for {number} nights.={number}泊の部屋があります。|
A table for {number} people, please.={number}人の席をお願いします。|
I am looking for a {color} {clothes}.={color}{clothes}を探しています。|
How much is this {color} {clothes}?=この{color}{clothes}はいくらですか。|
There is {animal} in {place}.={place}に{animal}がいます。|
{person^} has {animal}.={person}は{animal}を飼っています。|
My birthday is in {month}.=私の誕生日は{month}です。|
Can you call me at {hour}?={hour}に電話してくれますか。|
Please wait until {hour}.={hour}まで待ってください。
""")
