"""The items of a data set, and one text each."""

from pathlib import Path

import pytest

from recbole_drepmrec.data.extractors.items import ItemFiles, Items
from recbole_drepmrec.data.extractors.texts import joined_texts
from recbole_drepmrec.errors import UserError


def files(folder: Path, parts: tuple[str, ...] = ()) -> ItemFiles:
    return ItemFiles(folder, "shop", "item_id", "\t", "utf-8", parts)


def write(folder: Path, item: str | None = None, **inter: str) -> None:
    if item is not None:
        (folder / "shop.item").write_text(item)
    for part, items in inter.items():
        name = "shop.inter" if part == "whole" else f"shop.{part}.inter"
        rows = "".join(f"u\t{item}\n" for item in items.split())
        (folder / name).write_text(f"user_id:token\titem_id:token\n{rows}")


def test_texts_of_items_and_items_without(tmp_path: Path) -> None:
    write(
        tmp_path,
        "price:float\titem_id:token\ttitle:token_seq\n1.50\tb\tred  shoe\n\ta\t\n3\tc\tNA\n",
        whole="z b z",
    )
    items = files(tmp_path).read(["title", "price"])
    assert items.ids == ["b", "a", "c", "z"]
    assert items.columns == {"title": ["red  shoe", "", "", ""], "price": ["1.50", "", "3", ""]}
    assert joined_texts(items, ["title", "price"]) == {"b": "red  shoe 1.50", "c": "3"}
    assert joined_texts(items, ["price", "title"])["b"] == "1.50 red  shoe"


def test_blank_text_is_none() -> None:
    items = Items(["a", "b"], {"x": ["  ", " p "], "y": ["\t", "q"]})
    assert joined_texts(items, ["x", "y"]) == {"b": "p q"}


def test_items_of_a_fixed_split(tmp_path: Path) -> None:
    write(tmp_path, train="b a", valid="a", test="c")
    assert files(tmp_path, ("train", "valid", "test")).read().ids == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("item", "wanted", "message"),
    [
        (None, ["title"], "shop.item does not exist; title would be"),
        (None, [], "holds neither shop.item nor shop.inter"),
        ("item_id:token\nx\n", ["title"], "no column 'title'; it has item_id"),
        ("id:token\nx\n", [], "no column 'item_id'; it has id"),
        ("item_id:token\tt:token\nx\t1\ny\t2\nx\t3\n", ["t"], "the item 'x' twice"),
        ("item_id:token\tt:token\n[PAD]\t1\n", ["t"], r"'\[PAD\]', which is read as no id"),
        ("item_id:token\tt:token\n\t1\n", ["t"], "which is read as no id"),
    ],
)
def test_files_that_do_not_help(
    tmp_path: Path, item: str | None, wanted: list[str], message: str
) -> None:
    write(tmp_path, item)
    with pytest.raises(UserError, match=message):
        files(tmp_path).read(wanted)
