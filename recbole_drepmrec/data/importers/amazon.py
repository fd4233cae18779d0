"""Raw Amazon 2014: reviews, metadata and image features of one category, read as a stream.

Filter: iterated 5-core, as MMRec's; of a repeated user and item the first row is kept. Split [ours,
by MMRec's rule]: each user's rows in a random order; of n < 10 rows the last two are one valid and
one test; of n >= 10 rows int(n / 5) are held out, half of them (rounded down) valid and the others
test. The counts of a split hang on n alone, so they are MMRec's; which rows fall where does not
agree with MMRec's files, whose shuffle had no seed.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recbole_drepmrec.data.importers.amazon_images import read_images
from recbole_drepmrec.data.importers.amazon_records import read_records
from recbole_drepmrec.data.importers.checks import check_ids
from recbole_drepmrec.data.importers.imported import SPLIT_SEED, SPLITS, FeatureTable, Imported
from recbole_drepmrec.data.importers.source_files import need_folder
from recbole_drepmrec.errors import UserError

CORE = 5
LICENCE = (
    "no licence stated; for research, cite McAuley et al. (SIGIR 2015) and He et al. (WWW 2016)"
)
_TEXT_KEYS = ("title", "brand", "categories", "description")


def import_amazon(path: Path, name: str) -> Imported:
    """Read ``reviews_CATEGORY_5.json.gz`` and, if there, ``meta_...`` and ``image_features_...``.

    The column ``text`` of an item is its title, brand, categories and description; ``image`` is its
    4,096 numbers, in a memory-mapped temporary file.

    Args:
        path: The folder with the files of one category, or several.
        name: The data set's name; it picks the category where there are several.

    Raises:
        UserError: A file is missing or cut off, a line is damaged (its number is named) or has
            other keys, or nothing is left after the 5-core filter.
    """
    need_folder(path, "Amazon 2014")
    reviews_file, category = _find_reviews(path, name)
    notes = [f"category {category}; iterated {CORE}-core; split seed {SPLIT_SEED}"]
    frame = _read_reviews(reviews_file).frame()
    frame = _first_of_each(frame, notes)
    frame = k_core(frame, CORE)
    if frame.empty:
        raise UserError(
            f"{reviews_file} has no {CORE}-core: no users and items with {CORE} interactions each "
            f"are left. Give the whole reviews_{category}_{CORE}.json.gz."
        )
    frame["split"] = split_by_user(frame["user_id"], SPLIT_SEED)
    item_ids = list(dict.fromkeys(frame["item_id"]))
    items = _read_items(path, category, item_ids, notes)
    features = _read_features(path, category, item_ids, notes)
    return Imported(
        frame, features, items, f"{name}, Amazon 2014 {category}, {path}", LICENCE, notes
    )


def k_core(frame: pd.DataFrame, core: int) -> pd.DataFrame:
    """Drop users and items with fewer than ``core`` rows until none is left to drop."""
    while True:
        per_user = frame.groupby("user_id")["item_id"].transform("size")
        per_item = frame.groupby("item_id")["user_id"].transform("size")
        kept = (per_user >= core) & (per_item >= core)
        if kept.all():
            return frame.reset_index(drop=True)
        frame = frame[kept]


def split_by_user(users: "pd.Series[str]", seed: int) -> list[str]:
    """Split of each row, by the rule at the head of this module; n < 3 rows are all train."""
    random = np.random.default_rng(seed)
    codes, _ = pd.factorize(users)
    shuffled = random.permutation(len(codes))
    order = shuffled[np.argsort(codes[shuffled], kind="stable")]  # by user, each in random order
    labels: NDArray[np.object_] = np.empty(len(codes), dtype=object)
    labels[order] = [label for n in np.bincount(codes) for label in _labels(int(n))]
    return [str(label) for label in labels]


def _labels(n: int) -> list[str]:
    train, valid, test = SPLITS
    held = n // 5 if n >= 10 else 2 if n >= 3 else 0
    return [train] * (n - held) + [valid] * (held // 2) + [test] * (held - held // 2)


@dataclass
class _Reviews:
    """Reviews in little memory: numbers of users and items, not their texts."""

    users: dict[str, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    user: "array[int]" = field(default_factory=lambda: array("l"))
    item: "array[int]" = field(default_factory=lambda: array("l"))
    rating: "array[float]" = field(default_factory=lambda: array("d"))
    timestamp: "array[float]" = field(default_factory=lambda: array("d"))

    def frame(self) -> pd.DataFrame:
        """As a table, in the order of the file."""
        columns = {
            "user_id": np.array(list(self.users), dtype=object)[np.array(self.user, dtype=int)],
            "item_id": np.array(list(self.items), dtype=object)[np.array(self.item, dtype=int)],
            "rating": np.array(self.rating),
            "timestamp": np.array(self.timestamp),
        }
        return pd.DataFrame(columns)


def _read_reviews(path: Path) -> _Reviews:
    reviews = _Reviews()
    for line, record in read_records(path):
        user, item = (_text_key(record, key, path, line) for key in ("reviewerID", "asin"))
        reviews.user.append(reviews.users.setdefault(user, len(reviews.users)))
        reviews.item.append(reviews.items.setdefault(item, len(reviews.items)))
        reviews.rating.append(_number_key(record, "overall", path, line))
        reviews.timestamp.append(_number_key(record, "unixReviewTime", path, line))
    if not reviews.users:
        raise UserError(f"{path} is empty; expected one review a line. Download it again.")
    check_ids(str(path), reviews.users)
    check_ids(str(path), reviews.items)
    return reviews


def _text_key(record: dict[str, Any], key: str, path: Path, line: int) -> str:
    value = record.get(key)
    if not isinstance(value, str) or not value:
        raise _wrong_key(path, line, key, "text", record)
    return value


def _number_key(record: dict[str, Any], key: str, path: Path, line: int) -> float:
    value = record.get(key)
    try:
        number = float(value) if isinstance(value, int | float) else float("nan")
    except OverflowError:
        number = float("inf")
    if not np.isfinite(number):
        raise _wrong_key(path, line, key, "a number", record)
    return number


def _wrong_key(path: Path, line: int, key: str, kind: str, record: dict[str, Any]) -> UserError:
    what = f"{key!r} is {record[key]!r:.60}" if key in record else f"there is no {key!r}"
    return UserError(
        f"{path}, line {line}: {what}, expected {kind}; the line has the keys "
        f"{[str(held)[:30] for held in list(record)[:12]]}. Give a file of the 2014 edition, "
        "or mend the line."
    )


def _first_of_each(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    repeats = frame.duplicated(["user_id", "item_id"])
    if repeats.any():
        notes.append(f"{int(repeats.sum())} reviews of an item by the same user again: dropped.")
    return frame[~repeats]


def _read_items(
    folder: Path, category: str, item_ids: list[str], notes: list[str]
) -> pd.DataFrame | None:
    path = _either(folder, f"meta_{category}.json")
    if path is None:
        notes.append(f"no meta_{category}.json.gz: items have no text")
        return None
    texts = dict.fromkeys(item_ids, "")
    for line, record in read_records(path):
        asin = _text_key(record, "asin", path, line)
        if asin in texts and not texts[asin]:
            parts = (word for key in _TEXT_KEYS for word in _words(record.get(key)))
            texts[asin] = " ".join(parts).replace("\0", " ")
    empty = sum(not text for text in texts.values())
    if empty == len(texts):
        raise UserError(
            f"{path} describes none of the {len(texts)} items of the reviews; give the metadata of "
            "the same category, or take the file out to go without text."
        )
    if empty:
        notes.append(f"{empty} items have no text")
    return pd.DataFrame({"item_id": list(texts), "text": list(texts.values())})


def _words(value: Any) -> Iterator[str]:
    """Words of a text, or of a list of lists of texts, without line breaks."""
    if isinstance(value, str):
        yield from value.encode("utf-8", "replace").decode("utf-8").split()
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _words(part)


def _read_features(
    folder: Path, category: str, item_ids: list[str], notes: list[str]
) -> dict[str, FeatureTable]:
    path = folder / f"image_features_{category}.b"
    if not path.is_file():
        notes.append(f"no {path.name}: items have no image features")
        return {}
    table = read_images(path, item_ids)
    if len(table.ids) < len(item_ids):
        notes.append(f"{len(item_ids) - len(table.ids)} items have no image features")
    return {"image": table}


def _either(folder: Path, name: str) -> Path | None:
    """The compressed file, or the plain one."""
    paths = (folder / f"{name}.gz", folder / name)
    return next((path for path in paths if path.is_file()), None)


def _find_reviews(folder: Path, name: str) -> tuple[Path, str]:
    found = {
        path.name.removeprefix("reviews_").partition(f"_{CORE}.json")[0]: path
        for path in sorted(folder.glob(f"reviews_*_{CORE}.json*"), reverse=True)
        if path.name.endswith((".json", ".json.gz"))
    }
    if not found:
        raise UserError(
            f"{folder} has no reviews_CATEGORY_{CORE}.json.gz (such as reviews_Baby_5.json.gz); "
            "give the folder with the files of Amazon 2014, or --download CATEGORY."
        )
    wanted = name.lower().removeprefix("amazon").strip("-_ ")
    fits = [c for c in found if len(found) == 1 or (wanted and c.lower().startswith(wanted))]
    if len(fits) != 1:
        raise UserError(
            f"{folder} has the categories {sorted(found)}, and the name {name!r} picks "
            f"{len(fits)} of them; name the data set after one, such as {sorted(found)[0].lower()}."
        )
    return found[fits[0]], fits[0]
