"""Chinese captions of characters, in simplified characters and without blanks."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from limner.worlds.characters.captions import Thing

Words = Mapping[str, tuple[str, ...]]
_COLOURS: Words = {
    "black": ("黑色",),
    "brown": ("棕色", "褐色"),
    "blonde": ("金色",),
    "ginger": ("橘色", "橙色"),
    "red": ("红色",),
    "white": ("白色",),
    "grey": ("灰色",),
    "pink": ("粉色", "粉红色"),
    "purple": ("紫色",),
    "blue": ("蓝色",),
    "turquoise": ("青色",),
    "green": ("绿色",),
    "gold": ("金色",),
    "orange": ("橙色",),
    "yellow": ("黄色",),
}
_PEOPLE: Words = {"girl": ("女孩", "女孩", "少女"), "boy": ("男孩", "男孩", "少年"), "": ("角色", "人物", "人")}
_PRONOUNS = {"girl": "她", "boy": "他", "": "这个角色"}
_OPENINGS = ("", "", "", "", "一幅画：", "动漫角色：", "头像：")
_HAIR: Words = {
    "long straight": ("长直发", "直长发"),
    "long wavy": ("波浪长发", "大波浪长发"),
    "long curly": ("长卷发",),
    "hime cut": ("公主切", "姬发式"),
    "bob": ("波波头",),
    "flipped bob": ("外翘波波头", "发尾外翘的头发"),
    "short": ("短发",),
    "messy": ("蓬乱的头发", "乱发"),
    "spiky": ("刺猬头",),
    "bowl cut": ("锅盖头", "蘑菇头"),
    "twin tails": ("双马尾",),
    "drill curls": ("钻头卷", "螺旋卷发"),
    "low pigtails": ("低双马尾",),
    "ponytail": ("高马尾", "马尾辫"),
    "side ponytail": ("侧马尾",),
    "bun": ("丸子头",),
    "twin buns": ("双丸子头", "两个发髻"),
    "twin braids": ("双麻花辫", "两条麻花辫"),
    "side braid": ("侧麻花辫", "单侧麻花辫"),
    "afro": ("爆炸头",),
    "afro puffs": ("双球爆炸头", "两个蓬松发球"),
    "curly": ("短卷发",),
    "dreadlocks": ("脏辫",),
    "mohawk": ("莫西干头",),
    "quiff": ("飞机头",),
    "buzz cut": ("寸头", "板寸"),
    "bald": ("光头",),
}
_FRINGES: Words = {
    "straight": ("齐刘海",),
    "side-swept": ("斜刘海",),
    "parted": ("中分刘海", "中分"),
    "choppy": ("碎刘海",),
    "swept back": ("露出额头", "向后梳的前发"),
}
_STATES: Words = {
    "open": ("睁开的{c}眼睛",),
    "happy": ("笑弯的眼睛", "笑眯眯的眼睛"),
    "closed": ("闭着的眼睛", "紧闭的双眼"),
    "winking": ("眨着一只{c}眼睛", "单眨的{c}眼睛"),
    "sleepy": ("困倦的{c}眼睛", "半闭的{c}眼睛"),
    "wide": ("瞪大的{c}眼睛", "睁圆的{c}眼睛"),
    "starry": ("闪着星星的{c}眼睛", "星星般的{c}眼睛"),
    "tearful": ("含泪的{c}眼睛", "流泪的{c}眼睛"),
}
_EYE_SHAPES: Words = {"round": ("圆圆的", "又大又圆的"), "sharp": ("上挑的", "锐利的"), "droopy": ("下垂的",)}
_TABLES: Mapping[str, Words] = {
    "eyebrows": {
        "relaxed": ("放松的眉毛",),
        "raised": ("扬起的眉毛", "挑起的眉毛"),
        "angry": ("生气的眉毛", "愤怒的眉毛"),
        "worried": ("担忧的眉毛", "八字眉"),
    },
    "mouth": {
        "smiling": ("微笑的嘴", "微笑"),
        "laughing": ("大笑的嘴", "张嘴大笑"),
        "cat-like": ("猫嘴", "猫一样的嘴"),
        "serious": ("严肃的嘴", "抿成一线的嘴"),
        "sad": ("难过的嘴", "下撇的嘴"),
        "surprised": ("惊讶的嘴", "惊讶张开的嘴"),
        "tongue out": ("吐着舌头", "伸出的舌头"),
    },
    "cheeks": {
        "blush": ("腮红", "泛红的脸颊"),
        "freckles": ("雀斑",),
        "plaster": ("脸上的创可贴", "脸颊上的创可贴"),
        "star": ("脸上的星星", "脸颊上的星星"),
    },
    "glasses": {
        "round": ("圆眼镜", "圆框眼镜"),
        "square": ("方眼镜", "方框眼镜"),
        "sunglasses": ("墨镜", "太阳镜"),
        "eyepatch": ("眼罩",),
    },
    "earrings": {"hoops": ("圈形耳环", "大耳环"), "gems": ("宝石耳坠", "宝石耳环")},
    "face": {"round": ("圆脸",), "pointed": ("尖下巴", "尖脸"), "square": ("方脸", "方下巴")},
    "skin": {
        "pale": ("苍白的皮肤",),
        "light": ("浅色的皮肤", "白皙的皮肤"),
        "tan": ("小麦色的皮肤",),
        "brown": ("棕色的皮肤",),
        "dark": ("黝黑的皮肤", "深色的皮肤"),
    },
}
_MOODS: Words = {
    "smiling": ("微笑的", "面带微笑的"),
    "laughing": ("大笑的",),
    "serious": ("严肃的",),
    "sad": ("难过的", "悲伤的"),
    "surprised": ("惊讶的", "吃惊的"),
}
_CLOTHES: Words = {
    "sailor uniform": ("水手服",),
    "blazer": ("西装外套", "西装校服"),
    "hoodie": ("连帽衫", "卫衣"),
    "t-shirt": ("T恤", "短袖T恤"),
    "sweater": ("毛衣", "高领毛衣"),
    "dress": ("连衣裙", "泡泡袖连衣裙"),
    "kimono": ("和服",),
    "jacket": ("夹克", "敞开的夹克"),
    "armour": ("盔甲", "铠甲"),
    "overalls": ("背带裤",),
    "cloak": ("斗篷", "披风"),
    "winter coat": ("毛领大衣", "冬装大衣"),
    "waistcoat": ("马甲", "西装马甲"),
}
_HEADWEAR: Words = {
    "bow": ("蝴蝶结",),
    "hair pins": ("发夹",),
    "flower": ("花", "头花"),
    "headphones": ("耳机", "头戴式耳机"),
    "crown": ("王冠", "皇冠"),
    "halo": ("光环", "天使光环"),
    "headband": ("发箍", "发带"),
    "cat ears": ("猫耳",),
    "rabbit ears": ("兔耳",),
    "horns": ("犄角", "弯角"),
    "beanie": ("毛线帽", "针织帽"),
    "cap": ("棒球帽", "鸭舌帽"),
    "witch hat": ("女巫帽", "尖顶巫师帽"),
    "straw hat": ("草帽",),
    "beret": ("贝雷帽",),
}
_NECKWEAR: Words = {"scarf": ("围巾",), "necklace": ("金珠项链", "项链")}
_PATTERNS: Words = {
    "plain": ("纯",), "stripes": ("条纹",), "dots": ("圆点", "波点"), "checks": ("格子",), "stars": ("星星",),
    "hearts": ("爱心",), "rays": ("放射线",), "clouds": ("云朵",),
}  # fmt: skip
_GROWN = ("cat ears", "rabbit ears", "horns", "halo")
"""Headwear that one has and does not wear."""
_PUT_ON = ("headwear", "neckwear", "glasses", "earrings")


def write(style: str, person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    """Return a caption that says all of `person` and `things`, and nothing else."""
    if style == "list" or (style == "short" and rng.random() < 0.3):
        return _list(person, things, rng)
    if style == "two sentences" and len(things) > 1:
        return _two(person, things, rng)
    return rng.choice((_before, _after))(person, things, rng)


def _of(colour: str | None, rng: random.Random, particle: bool = True) -> str:
    """Return a colour as an attribute of a noun, with its particle or without."""
    if colour is None:
        return ""
    return rng.choice(_COLOURS[colour]) + ("的" if particle and rng.random() < 0.5 else "")


def _hair(values: Mapping[str, str], rng: random.Random) -> str:
    colour, second = values.get("hair_colour"), values.get("second_hair_colour")
    style = rng.choice(_HAIR.get(values.get("hair_style", ""), ("头发",)))
    if second and values.get("hair_dye") == "halves":
        text = f"半边{_of(colour, rng, False)}半边{_of(second, rng, False)}的{style}"
    elif second:
        text = f"发梢{rng.choice(('', '是', '渐变'))}{_of(second, rng, False)}的{_of(colour, rng, False)}{style}"
    else:
        text = _of(colour, rng) + style
    return text + (rng.choice(("配", "和")) + rng.choice(_FRINGES[values["fringe"]]) if "fringe" in values else "")


def _eyes(values: Mapping[str, str], rng: random.Random) -> str:
    colour = _of(values.get("eye_colour"), rng)
    shape = rng.choice(_EYE_SHAPES[values["eye_shape"]]) if "eye_shape" in values else ""
    if "eyes" in values:
        return shape + rng.choice(_STATES[values["eyes"]]).replace("{c}", colour)
    return f"{shape}{colour}眼睛"


def _ground(values: Mapping[str, str], rng: random.Random) -> str:
    colour = _of(values.get("background"), rng, False)
    pattern = rng.choice(_PATTERNS[values["pattern"]]) if "pattern" in values else ""
    if pattern == "纯":
        return f"纯{colour}背景" if colour else "单色背景"
    return f"{colour}{pattern}背景"


def _phrase(thing: Thing, rng: random.Random) -> str:
    """Return a noun phrase."""
    values = thing.values
    if thing.name == "hair":
        return _hair(values, rng)
    if thing.name == "eyes":
        return _eyes(values, rng)
    if thing.name == "background":
        return _ground(values, rng)
    if thing.name == "clothing":
        return _of(values.get("clothing_colour"), rng) + rng.choice(_CLOTHES[values["clothing"]])
    if thing.name == "headwear":
        colour = values.get("headwear_colour")
        if values["headwear"] == "straw hat" and colour:
            return f"系着{_of(colour, rng, False)}丝带的草帽"
        return _of(colour, rng) + rng.choice(_HEADWEAR[values["headwear"]])
    if thing.name == "neckwear":
        return _of(values.get("scarf_colour"), rng) + rng.choice(_NECKWEAR[values["neckwear"]])
    return rng.choice(_TABLES[thing.name][next(iter(values.values()))])


def _clause(thing: Thing, rng: random.Random) -> str:
    """Return a phrase with its verb: worn, put on, or had."""
    text = _phrase(thing, rng)
    if thing.name == "clothing":
        return rng.choice(("穿着", "身穿", "身着")) + text
    if thing.name == "neckwear" and thing.values["neckwear"] == "scarf":
        return rng.choice(("围着", "戴着")) + text
    if thing.name in _PUT_ON:
        return rng.choice(("长着", "有")) + text if thing.values.get("headwear") in _GROWN else "戴着" + text
    if thing.name == "hair":
        return rng.choice(("留着", "有", "一头")) + text if "bald" not in thing.values.values() else text
    if thing.name == "background":
        return rng.choice(("背景是" + text.removesuffix("背景"), text)) if text != "单色背景" else text
    if text.startswith(("眨着", "吐着", "张嘴")):
        return text
    return rng.choice(("带着",) if thing.name in ("mouth", "cheeks") else ("有", "有着")) + text


def _subject(person: Mapping[str, str], mood: str, rng: random.Random) -> str:
    noun = rng.choice(_PEOPLE[person.get("presentation", "")])
    return rng.choice(("一个", "一位" if noun != "人" else "一个")) + mood + noun


def _mood(things: list[Thing], rng: random.Random) -> str:
    """Take the mouth out of the things where an adjective says it."""
    for thing in things:
        if thing.name == "mouth" and thing.values["mouth"] in _MOODS and len(things) > 1 and rng.random() < 0.7:
            things.remove(thing)
            return rng.choice(_MOODS[thing.values["mouth"]])
    return ""


def _after(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    """Return the person first, then clause after clause."""
    left = list(things)
    text = rng.choice(_OPENINGS) + _subject(person, _mood(left, rng), rng)
    text += "".join("，" + _clause(thing, rng) for thing in left)
    return text + ("。" if rng.random() < 0.3 else "")


def _before(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    """Return what the person has and wears before the person, then the ground."""
    left = list(things)
    mood = _mood(left, rng)
    about = [_clause(thing, rng) for thing in left if thing.name != "background"]
    place = "".join("，" + _clause(thing, rng) for thing in left if thing.name == "background")
    noun = rng.choice(_PEOPLE[person.get("presentation", "")])
    text = rng.choice(_OPENINGS) + ("、".join(about) + "的" if about else "") + mood + noun + place
    return text + ("。" if rng.random() < 0.3 else "")


def _two(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    left = [thing for thing in things if thing.name != "background"]
    place = "".join("，" + _clause(thing, rng) for thing in things if thing.name == "background")
    if len(left) < 2:
        return _after(person, things, rng)
    cut = rng.randint(1, len(left) - 1)
    first = _subject(person, "", rng) + "，" + "，".join(_clause(thing, rng) for thing in left[:cut])
    second = _PRONOUNS[person.get("presentation", "")] + "，".join(_clause(thing, rng) for thing in left[cut:])
    return f"{first}。{second}{place}。"


def _list(person: Mapping[str, str], things: Sequence[Thing], rng: random.Random) -> str:
    items = [rng.choice(_PEOPLE[person.get("presentation", "")])] if person or rng.random() < 0.2 else []
    items += [_phrase(thing, rng) for thing in things]
    return rng.choice(("，", "、")).join(items)
