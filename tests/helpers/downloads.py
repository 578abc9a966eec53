"""Tiny sets in the exact layout of the published downloads: folders, names, tables, pickles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import python2
from picture_sets import encoded, picture

SPECIES = ("001.Black_footed_Albatross", "002.Laysan_Albatross", "003.Sooty_Albatross")
SIZE = (50, 40)
EACH = 2
"""Pictures of each class."""


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def bird_names() -> list[str]:
    """Names as in filenames.pickle: "<class>/<picture>"."""
    return [f"{name}/{name[4:]}_{k:04d}_{k}" for name in SPECIES for k in range(EACH)]


def bird_box(number: int) -> tuple[float, float, float, float]:
    return 10.0, 8.0, 20.0 + number, 16.0


def sentence(name: str, k: int) -> str:
    return f"this bird is {name.split('/')[-1].lower().replace('_', ' ')}, and has {k} wings."


def birds(folder: Path, texts: str = "text_c10") -> Path:
    """CUB_200_2011/ with three species of two birds, and ten captions for each in `texts`."""
    cub, names = folder / "CUB_200_2011", bird_names()
    numbered = list(enumerate(names, 1))
    write(cub / "images.txt", "".join(f"{n} {name}.jpg\n" for n, name in numbered))
    write(cub / "image_class_labels.txt", "".join(f"{n} {int(name[:3])}\n" for n, name in numbered))
    write(cub / "classes.txt", "".join(f"{int(name[:3])} {name}\n" for name in SPECIES))
    write(cub / "bounding_boxes.txt", "".join(f"{n} {' '.join(map(str, bird_box(n)))}\n" for n, _ in numbered))
    write(cub / "train_test_split.txt", "".join(f"{n} {n % 2}\n" for n, _ in numbered))
    for n, name in numbered:
        write(cub / "images" / f"{name}.jpg", encoded(picture(n, SIZE), "JPEG"))
        write(folder / texts / f"{name}.txt", "".join(sentence(name, k) + "\n" for k in range(10)))
    return folder


PARTS = (
    "back", "beak", "belly", "breast", "crown", "forehead", "left eye", "left leg", "left wing", "nape", "right eye",
    "right leg", "right wing", "tail", "throat",
)  # fmt: skip
"""The lines of CUB's parts.txt, from 1."""


def bird_part(image: int, part: int) -> tuple[float, float, int]:
    """x, y and visible as in part_locs.txt: inside the bird's box, each seventh part hidden and then at 0, 0."""
    return (11.0 + part, 9.0 + image, 1) if part % 7 else (0.0, 0.0, 0)


def bird_parts(folder: Path) -> Path:
    """CUB_200_2011/parts/ with the 15 parts of each bird; return the folder."""
    parts = folder / "CUB_200_2011" / "parts"
    write(parts / "parts.txt", "".join(f"{n} {name}\n" for n, name in enumerate(PARTS, 1)))
    lines = [
        (image, part, *bird_part(image, part)) for image in range(1, len(bird_names()) + 1) for part in range(1, 16)
    ]
    write(parts / "part_locs.txt", "".join(" ".join(map(str, line)) + "\n" for line in lines))
    return parts


def snli(folder: Path) -> Path:
    """snli_1.0/ with its three files of pairs: a premise stands in three pairs; the .txt files say the same."""
    said = {"train": ("A man eats.", "A dog runs."), "dev": ("A cat sleeps.",), "test": ("A man eats.", "Rain falls.")}
    for part, premises in said.items():
        pairs = [(one, f"{one[:-1]} {how}.") for one in premises for how in ("outside", "today", " at \t home")]
        lines = [
            {"annotator_labels": ["neutral"], "captionID": "1.jpg#0", "gold_label": "-", "pairID": "1.jpg#0r1n"}
            | {"sentence1": one, "sentence1_parse": f"(ROOT {one})", "sentence2": two, "sentence2_parse": "(ROOT)"}
            for one, two in pairs
        ]
        write(folder / f"snli_1.0_{part}.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
        write(folder / f"snli_1.0_{part}.txt", "gold_label\tsentence1\tsentence2\n-\tnot\tread\n")
    write(folder / "README.txt", "Stanford Natural Language Inference\n")
    return folder


def reeds_lists(folder: Path, train: tuple[str, ...], test: tuple[str, ...]) -> None:
    write(folder / "trainvalclasses.txt", "\n".join(train) + "\n")
    write(folder / "testclasses.txt", "\n".join(test))


def flowers(folder: Path) -> Path:
    """jpg/ and text_c10/ of Oxford-102: three classes of two flowers, numbered across the classes as Oxford does."""
    for number in range(1, 7):
        write(folder / "jpg" / f"image_{number:05d}.jpg", encoded(picture(number, SIZE), "JPEG"))
        said = "".join(f"flower {number} has petal number {k}\n" for k in range(10))
        write(folder / "text_c10" / flower_class(number) / f"image_{number:05d}.txt", said)
    return folder


def flower_class(number: int) -> str:
    return f"class_{number % 3 + 1:05d}"


def pickled_splits(folder: Path, train: list[str], test: list[str], protocol: int = 0) -> None:
    for split, names in (("train", train), ("test", test)):
        write(folder / split / "filenames.pickle", python2.dumps(names, protocol))


def legacy_birds(folder: Path, protocol: int = 2, texts: str = "text") -> Path:
    """StackGAN's and AttnGAN's data/birds: pickles beside CUB_200_2011/. The names are not in alphabetical order."""
    names = bird_names()
    train, test = names[3::-1], names[4:]
    pickled_splits(birds(folder, texts), train, test, protocol)
    for split, some in (("train", train), ("test", test)):
        write(folder / split / "class_info.pickle", python2.dumps([int(name[:3]) for name in some], protocol))
        vectors = [vector(name) for name in some]
        write(folder / split / "char-CNN-RNN-embeddings.pickle", python2.dumps(vectors, protocol))
    return folder


def vector(name: str) -> np.ndarray:
    """What stands for the char-CNN-RNN vectors of a picture: float32 (10, 8), every value its own."""
    return np.random.default_rng(len(name) + sum(map(ord, name))).normal(size=(10, 8)).astype(np.float32)


def attngan_captions(folder: Path) -> None:
    """captions.pickle as AttnGAN makes it: two captions a picture, numbers of words from 1, 0 the end."""
    words = ["<end>", "red", "bird", "small", "beak", "unicorn"]
    train = [[1, 2], [3, 2, 0], [1, 4], [3, 4], [2], [2, 2], [1], [3]]
    test = [[5, 2], [3, 5], [1], [2]]
    by_number, by_word = dict(enumerate(words)), {word: k for k, word in enumerate(words)}
    write(folder / "captions.pickle", python2.dumps([train, test, by_number, by_word]))


def coco(folder: Path) -> Path:
    """data/coco: images/ without folders of classes, five captions a picture, a class number for each."""
    train, test = ["COCO_train2014_000000000009", "COCO_train2014_000000000025"], ["COCO_val2014_000000000042"]
    pickled_splits(folder, train, test, protocol=2)
    for split, names in (("train", train), ("test", test)):
        write(folder / split / "class_info.pickle", python2.dumps(list(range(len(names)))))
    for number, name in enumerate([*train, *test]):
        write(folder / "images" / f"{name}.jpg", encoded(picture(number, SIZE), "JPEG"))
        write(folder / "text" / f"{name}.txt", "".join(f"thing {number} said {k}\n" for k in range(5)))
    return folder


CLIPS = ("Season_1_ep_1/clip_a", "Season_1_ep_2/clip_b")
SQUARE, SQUARES = 12, 3


def pororo_ids() -> list[str]:
    """Seven pictures of each clip, numbered as they are published: from some number on."""
    return [f"{clip}/{k}" for clip in CLIPS for k in range(8, 15)]


def pororo_stories() -> list[list[str]]:
    """Three stories of each clip: a picture and the four after it."""
    return [[f"{clip}/{k + step}" for step in range(5)] for clip in CLIPS for k in range(8, 11)]


def pororo_label(number: int) -> np.ndarray:
    return np.array([float(number >> place & 1) for place in range(9)])


def pororo(folder: Path) -> Path:
    """pororo_png/ with two clips: strips of three squares, six stories of which the last two are held out."""
    ids, stories = pororo_ids(), pororo_stories()
    for number, name in enumerate(ids):
        write(folder / f"{name}.png", encoded(picture(number, (SQUARE, SQUARE * SQUARES))))
    said = "".join(f'{name},{k},"Pororo does thing {k}, and Loopy too."\n' for k, name in enumerate(ids))
    write(folder / "descriptions.csv", said)
    saved(folder / "labels.npy", {name: pororo_label(number) for number, name in enumerate(ids)})
    saved(folder / "img_cache4.npy", np.array([f"/{story[0]}.png".encode() for story in stories]))
    saved(folder / "following_cache4.npy", np.array([[f"{name}.png" for name in story[1:]] for story in stories]))
    pororo_split(folder, [0, 1, 2], [3], [4, 5])
    return folder


def pororo_split(folder: Path, *parts: list[int]) -> None:
    name = "train_seen_unseen_ids" if len(parts) == 3 else "train_test_ids"
    held = np.empty(len(parts), dtype=object)  # as numpy made one of a tuple of lists of several lengths
    held[:] = [list(part) for part in parts]
    saved(folder / f"{name}.npy", held)


def saved(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, value, allow_pickle=True)  # type: ignore[arg-type]


def face2text(folder: Path) -> tuple[Path, Path]:
    """clean.json of three faces with one, two and no descriptions, and lfw/ with two persons."""
    names = ["Ann_Ay/Ann_Ay_0001", "Ann_Ay/Ann_Ay_0002", "Bo_Be/Bo_Be_0001"]
    items = []
    for number, name in enumerate(names, 1):
        write(folder / "lfw" / f"{name}.jpg", encoded(picture(number, SIZE), "JPEG"))
        said = [{"desc_id": 10 * number + k, "text": f"face {number} \n has nose {k}"} for k in range(number % 3)]
        items.append({"img_id": number, "image": f"{name}.bmp", "descriptions": said})
    return write(folder / "face2text_v0.1" / "clean.json", json.dumps(items)), folder / "lfw"


def ms_coco(folder: Path, year: str = "2014") -> Path:
    """annotations/, train and val of MS-COCO: three pictures of each part, five captions each but for the last one."""
    for part, first in (("train", 9), ("val", 42)):
        name, ids = f"{part}{year}", [first, first + 16, first + 3]
        files = [f"COCO_{name}_{number:012d}.jpg" if year == "2014" else f"{number:012d}.jpg" for number in ids]
        for number, file in zip(ids, files, strict=True):
            write(folder / name / file, encoded(picture(number, SIZE), "JPEG"))
        images = [
            {"license": 1, "file_name": file, "height": SIZE[1], "width": SIZE[0], "id": number}
            for number, file in zip(ids, files, strict=True)
        ]
        said = [
            {"image_id": number, "id": 10 * number + k, "caption": f"Thing {number} said {k}.\n "}
            for k in range(5)
            for number in ids[:2]
        ]
        top = {"info": {"year": int(year), "é": "[{"}, "images": images, "licenses": [{"id": 1}]}
        things = [coco_thing(1, ids[0], 18), coco_thing(2, ids[1], 1), coco_thing(3, ids[0], 1)]
        names = [{"supercategory": "x", "id": 1, "name": "person"}, {"supercategory": "y", "id": 18, "name": "dog"}]
        tables = {"captions": {"annotations": said}, "instances": {"annotations": things, "categories": names}}
        for kind, more in tables.items():
            write(folder / "annotations" / f"{kind}_{name}.json", json.dumps(top | more, ensure_ascii=False))
    return folder


def coco_thing(number: int, image: int, category: int) -> dict[str, Any]:
    """An annotation of instances_train2014.json: a rectangle from (4, 6) to (14 + number, 26)."""
    right = 14 + number
    return {
        "segmentation": [[4.0, 6.0, right, 6.0, right, 26.0, 4.0, 26.0]], "area": 20.0 * (right - 4), "iscrowd": 0,
        "image_id": image, "bbox": [4.0, 6.0, right - 4, 20.0], "category_id": category, "id": number,
    }  # fmt: skip


def visdial(folder: Path, version: str = "0.9") -> Path:
    """VisDial's files of dialogues and COCO's pictures: two pictures for training, one for validation, ten turns."""
    questions, answers = [f"is it number {k}" for k in range(12)], ["yes", "no", "two  of\n them"]
    for part, numbers in (("train", (9, 378466)), ("val", (42,))):
        for number in numbers:
            file = f"COCO_{part}2014_{number:012d}.jpg"
            write(folder / f"{part}2014" / file, encoded(picture(number % 100, SIZE), "JPEG"))
        rounds = [
            {"question": (k + len(part)) % 12, "answer": k % 3, "answer_options": [0, 1, 2], "gt_index": k % 3}
            for k in range(10)
        ]
        dialogs = [{"image_id": number, "caption": f" a thing  of {part} ", "dialog": rounds} for number in numbers]
        body = {"split": part, "version": version}
        body["data"] = {"questions": questions, "answers": answers, "dialogs": dialogs}  # type: ignore[assignment]
        write(folder / f"visdial_{version}_{part}.json", json.dumps(body))
    return folder


def opened(content: bytes) -> Image.Image:
    import io

    return Image.open(io.BytesIO(content))


COLOURS_OF_BIRDS = {"红色": (220, 40, 40), "绿色": (40, 180, 70), "蓝色": (50, 80, 220), "黄色": (230, 210, 60)}
PLACES_OF_BIRDS = {"左边": (4, 12), "右边": (28, 12), "中间": (16, 12)}
EMBEDDED = 24
"""Numbers of a vector of `chinese_birds`."""


def chinese_birds(folder: Path) -> Path:
    """The pickled layout with captions in Chinese, split by blanks, and vectors of them: nine to train, three to test.

    A picture shows a white square at a place of a coloured ground, as its two captions say; a vector is the sum of
    those of the words, of about unit size.
    """
    kinds = [(colour, place) for colour in COLOURS_OF_BIRDS for place in PLACES_OF_BIRDS]
    held_out = [("红色", "左边"), ("蓝色", "右边"), ("黄色", "中间")]
    splits = {"train": [kind for kind in kinds if kind not in held_out], "test": held_out}
    for split, some in splits.items():
        names, vectors = [f"images/{split}_{k}" for k in range(len(some))], []
        for name, (colour, place) in zip(names, some, strict=True):
            image = Image.new("RGB", (48, 40), COLOURS_OF_BIRDS[colour])
            x, y = PLACES_OF_BIRDS[place]
            image.paste((245, 245, 245), (x, y, x + 16, y + 16))
            write(folder / f"{name}.jpg", encoded(image, "JPEG"))
            said = [f"一只 {colour} 的 鸟 在 {place}", f"{place} 有 一只 {colour} 的 鸟"]
            write(folder / "text" / f"{name}.txt", "".join(f"{one}\n" for one in said))
            vectors.append(np.stack([sum_of_words(one) for one in said]))
        write(folder / split / "filenames.pickle", python2.dumps(names, 2))
        write(folder / split / "char-CNN-RNN-embeddings.pickle", python2.dumps(vectors, 2))
    return folder


def sum_of_words(text: str) -> np.ndarray:
    """A sentence vector that says the same whatever the order of the words: float32 (24,)."""
    words = [np.random.default_rng(list(word.encode())).normal(size=EMBEDDED) for word in text.split()]
    return (np.sum(words, axis=0) / np.sqrt(len(words))).astype(np.float32)
