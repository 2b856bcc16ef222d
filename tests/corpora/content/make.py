"""Makes the self-made sets of content: `python tests/corpora/content/make.py`.

Every sentence and snippet here was written for this purpose. A record is a text with the labels that a rule
must find in it, none where it must find nothing: `guardrails eval content FILE --detect RULE` counts.
"""

# ruff: noqa: E501
from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Iterable
from pathlib import Path

from snippets import CODE, DATA, LETTERS

HERE = Path(__file__).parent

SENTENCES = {
    "ar": [
        "وصل القطار متأخرا بسبب الثلوج الكثيفة في الجبال القريبة من المدينة.",
        "تبيع جارتنا الخبز الطازج كل صباح أمام المدرسة القديمة.",
        "لا أعرف متى ستفتح المكتبة أبوابها بعد أعمال الترميم.",
    ],
    "cs": [
        "Vlak přijel pozdě, protože v horách napadlo příliš mnoho sněhu.",
        "Naše sousedka prodává každé ráno čerstvý chléb před starou školou.",
        "Nevím, kdy knihovna po opravách znovu otevře své dveře.",
    ],
    "da": [
        "Toget kom for sent, fordi der var faldet alt for meget sne i bjergene.",
        "Vores nabo sælger frisk brød hver morgen foran den gamle skole.",
        "Jeg ved ikke, hvornår biblioteket åbner igen efter ombygningen.",
    ],
    "de": [
        "Der Zug kam zu spät, weil in den Bergen zu viel Schnee gefallen war.",
        "Unsere Nachbarin verkauft jeden Morgen frisches Brot vor der alten Schule.",
        "Ich weiß nicht, wann die Bibliothek nach dem Umbau wieder öffnet.",
    ],
    "el": [
        "Το τρένο άργησε επειδή έπεσε πολύ χιόνι στα βουνά κοντά στην πόλη.",
        "Η γειτόνισσά μας πουλάει φρέσκο ψωμί κάθε πρωί μπροστά στο παλιό σχολείο.",
        "Δεν ξέρω πότε θα ανοίξει ξανά η βιβλιοθήκη μετά τις εργασίες.",
    ],
    "en": [
        "The train was late because too much snow had fallen in the mountains.",
        "Our neighbour sells fresh bread every morning in front of the old school.",
        "I do not know when the library will open again after the repairs.",
    ],
    "es": [
        "El tren llegó tarde porque había caído demasiada nieve en las montañas.",
        "Nuestra vecina vende pan recién hecho todas las mañanas delante de la vieja escuela.",
        "No sé cuándo volverá a abrir la biblioteca después de las obras.",
    ],
    "fi": [
        "Juna myöhästyi, koska vuorilla oli satanut aivan liian paljon lunta.",
        "Naapurimme myy tuoretta leipää joka aamu vanhan koulun edessä.",
        "En tiedä, milloin kirjasto avataan uudelleen remontin jälkeen.",
    ],
    "fr": [
        "Le train est arrivé en retard parce qu'il était tombé trop de neige dans les montagnes.",
        "Notre voisine vend du pain frais tous les matins devant la vieille école.",
        "Je ne sais pas quand la bibliothèque rouvrira ses portes après les travaux.",
    ],
    "he": [
        "הרכבת איחרה כי ירד יותר מדי שלג בהרים שליד העיר.",
        "השכנה שלנו מוכרת לחם טרי בכל בוקר מול בית הספר הישן.",
        "אני לא יודע מתי הספרייה תיפתח שוב אחרי השיפוצים.",
    ],
    "hu": [
        "A vonat késett, mert túl sok hó esett a város közelében lévő hegyekben.",
        "A szomszédunk minden reggel friss kenyeret árul a régi iskola előtt.",
        "Nem tudom, mikor nyit ki újra a könyvtár a felújítás után.",
    ],
    "it": [
        "Il treno è arrivato in ritardo perché era caduta troppa neve sulle montagne.",
        "La nostra vicina vende il pane fresco ogni mattina davanti alla vecchia scuola.",
        "Non so quando la biblioteca aprirà di nuovo dopo i lavori.",
    ],
    "ja": [
        "山に雪がたくさん降ったので、電車はとても遅れて着きました。",
        "隣の人は毎朝、古い学校の前で焼きたてのパンを売っています。",
        "図書館が工事のあといつまた開くのか、私にはわかりません。",
    ],
    "ko": [
        "산에 눈이 너무 많이 내려서 기차가 늦게 도착했습니다.",
        "우리 이웃은 매일 아침 오래된 학교 앞에서 갓 구운 빵을 팝니다.",
        "도서관이 공사가 끝난 뒤 언제 다시 문을 여는지 모르겠습니다.",
    ],
    "nl": [
        "De trein kwam te laat omdat er in de bergen te veel sneeuw was gevallen.",
        "Onze buurvrouw verkoopt elke ochtend vers brood voor de oude school.",
        "Ik weet niet wanneer de bibliotheek na de verbouwing weer opengaat.",
    ],
    "pl": [
        "Pociąg przyjechał spóźniony, bo w górach spadło zbyt dużo śniegu.",
        "Nasza sąsiadka sprzedaje co rano świeży chleb przed starą szkołą.",
        "Nie wiem, kiedy biblioteka znowu otworzy drzwi po remoncie.",
    ],
    "pt": [
        "O comboio chegou atrasado porque tinha caído demasiada neve nas montanhas.",
        "A nossa vizinha vende pão fresco todas as manhãs em frente da escola velha.",
        "Não sei quando é que a biblioteca vai abrir de novo depois das obras.",
    ],
    "ru": [
        "Поезд опоздал, потому что в горах выпало слишком много снега.",
        "Наша соседка каждое утро продаёт свежий хлеб перед старой школой.",
        "Я не знаю, когда библиотека снова откроется после ремонта.",
    ],
    "sv": [
        "Tåget kom för sent eftersom det hade fallit alldeles för mycket snö i bergen.",
        "Vår granne säljer nybakat bröd varje morgon framför den gamla skolan.",
        "Jag vet inte när biblioteket öppnar igen efter ombyggnaden.",
    ],
    "tr": [
        "Tren gecikti çünkü şehrin yakınındaki dağlara çok fazla kar yağmıştı.",
        "Komşumuz her sabah eski okulun önünde taze ekmek satıyor.",
        "Kütüphanenin onarımdan sonra ne zaman yeniden açılacağını bilmiyorum.",
    ],
    "uk": [
        "Поїзд запізнився, бо в горах випало надто багато снігу.",
        "Наша сусідка щоранку продає свіжий хліб перед старою школою.",
        "Я не знаю, коли бібліотека знову відчиниться після ремонту.",
    ],
    "zh": [
        "因为山里下了太多的雪，火车晚点了很久才到达车站。",
        "我们的邻居每天早上在旧学校门口卖刚出炉的面包。",
        "我不知道图书馆在装修之后什么时候会重新开放。",
    ],
}
SHORT = [
    "ok",
    "Si",
    "danke!",
    "haha",
    "Café?",
    "12.5 %",
    "2024-01-01",
    "ja ja",
    "London",
    "www.example.org",
    ":-)",
]

# Typed by hand on two keyboards.
MASHED = """
asdfghjkl;qwertyuiop asdf;sdkjfhskdjfh;asdlkfj asldkfj alskdjf;fghjkdfgh;jkljkljkl jkljkl;hgfdsa hgfdsa;
wefwefwef wefwef;lkjhgfds poiuytre;dfgdfgdfg dfg dfgdfg;zxcvbnm zxcvbn;asdasdasdasd;xkqzvw bwrtplm jhgfdk;
ajsdhaksjdh kajshdkajshd;eiruweoiruw oeiruowieur;bnmvbnmvbnm vbnm;qpwoeiruty ghfjdksla;fjdkslaf fjdksla;
sdfsdf sdfsdfsdf;rtyurtyu rtyurtyu;kjhkjhkjhkjh;gfhgfhgfh fghfgh;vcxvcxvcxv xcvxcv;nmbnmbnmb nmbnmb;ghjghjghj;
asdfasdfasdf;qweqweqwe qweqwe;dhfkjsdhf iuwehf kjsdhf;pqowieurytlaksjdhfg;mzncbvlaksj;tyghbnujm rfvtgb;
wsxedcrfv tgbyhn;ldkfjgldkfjg;sjdkflsjdfkl jsdklfjskldf jklsdjf;aslkdjalskdjaslkdj;dskjfhdskjfh sdkjfhsdkjf;
yuiyuiyui hjkhjk;xcvbxcvb xcvbx;KJHKJHASD LKJASDLKJ;Dfkgjhdfkgjh fkgjh;jfjfjfkdkdk skskdjf;wqoieuqwoieu qwoieu
"""
PLAIN = [
    "Rhythm and blues, hymns, strengths: Krzysztof Szymczyk and Ng Nguyen sang.",
    "The WHO, UNHCR, NATO and the OECD met in Llanelli; the BBC and ARD reported.",
    "Grrrr, hmmmm, pssst, brrrr, zzzz, aaaaargh, nooooo!",
    "Take kubectl, grep, awk, chmod, mkfs, xargs, strncpy and pthread_create.",
    "hahaha lol rofl omg tbh imho brb ttyl",
    "Schwarzwälder Kirschtorte, Rechtsschutzversicherungsgesellschaften, Angstschweiß.",
    "Wziąć źdźbło, chrząszcz brzmi w trzcinie w Szczebrzeszynie.",
    "Strč prst skrz krk, zmrzl, vlk, čtvrthrst.",
    "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ",
]

LINKS = {
    "URL_USERINFO": [
        "https://bank.example@{h}.example/login",
        "https://user:pw@{h}.example/",
        "see http://docs.example%2f@{h}.example",
    ],
    "URL_IP": [
        "http://203.0.113.{n}/a",
        "http://0xcb.0x0.0x71.0x{n:x}/",
        "http://34058{n:05d}/",
        "http://[2001:db8::{n}]/x",
    ],
    "URL_LOOK_ALIKE": [
        "https://p\u0430y{h}.example/",
        "https://xn--80ak6aa92e.com/{h}",
        "https://\u0455h\u043ep.example/{h}",
    ],
    "URL_SCRIPT": ["[x](javascript:alert({n}))", "<a href='vbscript:msgbox({n})'>"],
    "URL_DATA": ["data:text/html;base64,PGI+{n}", "open data:image/svg+xml,<svg onload={h}>"],
    "URL_CARRIES_DATA": [
        "![a](https://{h}.example/p.png?d=c2VjcmV0IGtleSBpcyBoZXJl{n})",
        "<img src='https://{h}.example/?q=[SECRET]'>",
    ],
}
FINE_LINKS = [
    "https://docs.example/{h}?page={n}", "![build](https://ci.example/badge.svg?branch={h})", "http://127.0.0.1:{n}/health",
    "https://b\u00fccher.example/{h}", "mail {h}@mail.example", "data:image/png;base64,iVBORw0KGgo=", "the javascript: protocol, and {h}",
    "https://github.example/{h}/{h}/pull/{n}#issuecomment-{n}", "https://\u043f\u0440\u0438\u043c\u0435\u0440.example/{h}",
    "http://localhost:{n}/", "<img src='https://cdn.example/{h}.png?width={n}&format=webp'>", "https://maps.example/@{n}.5,{n}.1,17z",
]  # fmt: skip
HIDDEN = {
    "INVISIBLE_COMMENT": ["<p>{v}</p><!-- {s} -->", "{v}\n\n[//]: # ({s})\n", "{v} <!--\n{s}\n-->"],
    "INVISIBLE_STYLE": [
        "<p>{v}</p><p style='display:none'>{s}</p>", '<div style="visibility: hidden">{s}</div>{v}', "<span style='font-size:0px'>{s}</span> {v}",
        '<p style="color:#ffffff; background-color:#ffffff">{s}</p>{v}', "<p style='color: white'>{s}</p>", '<p style="opacity:0">{s}</p>',
        '{v}<div style="position:absolute; left:-9999px">{s}</div>', "<p hidden>{s}</p>", '<div style="height:0;overflow:hidden"><b>{s}</b></div>',
    ],
    "INVISIBLE_ATTRIBUTE": ['<img src="a.png" alt="{s}">', "![{s}](a.png) {v}", '[{v}](https://x.example "{s}")', '<a title="{s}">{v}</a>'],
    "INVISIBLE_TAGS": ["{v}{t}"],
    "INVISIBLE_BIDI": ["{v} \u202e{s}\u202c", "\u2067{s}\u2069 {v}"],
}  # fmt: skip
SHOWN = [
    "<p>{v}</p><p>{s}</p>", '<p style="color:#333; background:#fff">{s}</p>', '<p style="display:block; opacity:0.9; font-size:0.8em">{s}</p>',
    '<img src="a.png" alt="Logo">', "if a < b and b > c: return {n}  # {s}", "![chart](a.png) {s}", '[{v}](https://x.example "Home")',
    '<button style="color:#fff;background:#06c">{v}</button>', "[1]: https://x.example", "x --> y, {s} <!- not a comment", "| {v} | {n} |",
    "<div class='hidden-xs' data-hidden='no'>{s}</div>", "\U0001f468\u200d\U0001f469\u200d\U0001f467 {s}", '<p style="width:100%;margin:0">{s}</p>',
]  # fmt: skip


def main() -> None:
    source = random.Random(19)
    names = [
        "order",
        "report",
        "harbour",
        "window",
        "garden",
        "market",
        "letter",
        "engine",
        "bridge",
        "copper",
    ]
    everyone = [one for own in SENTENCES.values() for one in own]
    codes = [
        base64.b64encode(source.randbytes(30)).decode(), source.randbytes(20).hex(), source.randbytes(32).hex(),
        str(uuid.UUID(bytes=source.randbytes(16))), f"sha512-{base64.b64encode(source.randbytes(64)).decode()}",
    ]  # fmt: skip
    snippets = [
        (language, filled(source, text, names))
        for language, own in CODE.items()
        for text in own
        for _ in range(3)
    ]
    data = [filled(source, text, names) for text in DATA for _ in range(3)]
    write("language", [
        *((text, [f"LANGUAGE_{code.upper()}"]) for code, own in SENTENCES.items() for text in own),
        *((text, []) for text in (*SHORT, *codes, *data)), *((text, []) for _, text in snippets[::4]),
        *((filled(source, text, names), ["LANGUAGE_EN"]) for text in LETTERS),
    ])  # fmt: skip
    write("code", [
        *((text, [f"CODE_{language.upper()}"]) for language, text in snippets),
        *((text, []) for text in (*everyone, *data, *PLAIN, *LETTERS)),
    ])  # fmt: skip
    write("gibberish", [
        *((text.strip(), ["GIBBERISH"]) for text in MASHED.split(";")),
        *((text, []) for text in (*everyone, *PLAIN, *codes, *data)), *((text, []) for _, text in snippets[::3]),
    ])  # fmt: skip
    write("url", [
        *((f"{source.choice(names)} {fill(source, text, names)} now", [label]) for label, own in LINKS.items() for text in own for _ in range(8)),
        *((fill(source, text, names), []) for text in FINE_LINKS for _ in range(12)),
    ])  # fmt: skip
    write("hidden", [
        *((fill(source, text, names), [label]) for label, own in HIDDEN.items() for text in own for _ in range(6)),
        *((fill(source, text, names), []) for text in SHOWN for _ in range(10)),
    ])  # fmt: skip


def fill(source: random.Random, text: str, names: list[str]) -> str:
    said = " ".join(source.choices(names, k=source.randint(4, 9)))
    tags = "".join(chr(0xE0000 + ord(char)) for char in said)
    return text.format(
        h=source.choice(names), n=source.randint(10, 250), s=said, v=source.choice(names), t=tags
    )


def filled(source: random.Random, text: str, names: list[str]) -> str:
    """A snippet with other names: `NAME` and `Name` in it are the same word."""
    name, other = source.sample(names, 2)
    for old, new in (("Alpha", name.title()), ("alpha", name), ("Beta", other.title()), ("beta", other)):
        text = text.replace(old, new)
    return text.strip("\n")


def write(name: str, records: Iterable[tuple[str, list[str]]]) -> None:
    lines = [
        json.dumps({"text": text, "labels": labels, "source": name}, ensure_ascii=False)
        for text, labels in dict(records).items()
    ]
    (HERE / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    print(name, len(lines))


if __name__ == "__main__":
    main()
