"""Oxford-102 flowers (Nilsback and Zisserman 2008) with the captions of Reed et al. 2016: 8,189 pictures, 102 classes.

Read from one folder that holds what the downloads unpack to:

    jpg/image_00001.jpg                         102flowers.tgz (Oxford)
    text_c10/class_00001/image_06734.txt        one caption a line (Reed's cvpr2016)
    trainvalclasses.txt testclasses.txt         Reed's lists of classes, where there
    setid.mat                                   Oxford's own split, needed only where that is wanted

A picture's class is the folder that its captions lie in, so `imagelabels.mat`, which says the same, is not read. The
captions also exist as .t7 (Torch) and .h5 files; those are not read either. How the set is split:
`reading.divide`; Oxford's own split has 1,020 pictures to train, 1,020 to validate, 6,149 to test. Pictures are
not cut: there are no boxes.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from limner.data.importers.reading import captions, class_number, divide, find, no_captions
from limner.data.importers.writing import Entry, Plan
from limner.errors import UserError

_FLOWERS = "102flowers.tgz (Oxford)"
_CAPTIONS = "the captions of Reed et al. (text_c10 of cvpr2016)"
_SETS = {"train": "trnid", "validation": "valid", "test": "tstid"}


def plan(folder: Path, *, split: str | None = None) -> Plan:
    """Return what an import of Oxford-102 in `folder` will write; `split` is one of `reading.WAYS`.

    Raises:
        UserError: a file is missing, or is not what its name says.
    """
    pictures = sorted(find(folder, "jpg", _FLOWERS).glob("image_*.jpg"))
    if not pictures:
        raise UserError(f"{folder}/jpg holds no image_00001.jpg: it is part of {_FLOWERS}, unpack that anew")
    texts = find(folder, "text_c10", _CAPTIONS)
    classes = {path.stem: path.parent.name for path in sorted(texts.glob("class_*/image_*.txt"))}
    names = {f"jpg/{path.stem}": path for path in pictures}
    if lost := [path.stem for path in pictures if path.stem not in classes]:
        raise no_captions(texts / "class_*" / f"{lost[0]}.txt")
    numbers = {name: class_number(classes[path.stem]) or 0 for name, path in names.items()}
    way, splits = divide(folder, numbers, lambda: _official(folder), split)
    entries = [
        Entry(
            splits[name],
            name,
            path,
            captions(texts / classes[path.stem] / f"{path.stem}.txt"),
            label=classes[path.stem],
        )
        for name, path in names.items()
    ]
    return Plan("Oxford-102 flowers", _FLOWERS, entries, way)


def _official(folder: Path) -> dict[str, str]:
    path = find(folder, "setid.mat", "Oxford-102 (or put Reed's trainvalclasses.txt and testclasses.txt there)")
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ModuleNotFoundError:
        raise UserError(f'reading {path} needs scipy: pip install "limner[import]"') from None
    try:
        sets = loadmat(path, variable_names=list(_SETS.values()))
        numbers = {split: [int(number) for number in sets[key].ravel()] for split, key in _SETS.items()}
    except (MatReadError, OSError, ValueError, TypeError, LookupError, NotImplementedError, zlib.error):
        raise UserError(f"{path} is not Oxford's setid.mat (trnid, valid, tstid): download it again") from None
    return {f"jpg/image_{number:05d}": split for split, members in numbers.items() for number in members}
