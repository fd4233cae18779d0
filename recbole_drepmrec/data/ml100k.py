"""The embedded default data set: MovieLens 100k from RecBole's wheel, with two modalities.

``text`` is an item's title and genres; ``knowledge`` is the Freebase triples of the entity that
RecBole's ``.link`` names for it. Each is TF-IDF, then a truncated SVD [ours].

RecBole 1.2.1's ``ml-100k.link`` does not hold ml-100k's item ids but those of the later MovieLens
sets (260 is Star Wars there and Event Horizon in ml-100k), cut off at 1682. Joined as it stands it
puts real triples on the wrong films, so ``movielens_ids.csv`` beside this module translates: ids
only, matched by title and year with GroupLens's ml-latest-small. It has 1,406 of the 1,682 items;
``.link`` names 1,323 of these, which have 95 % of all ratings. The others lack the modality.
"""

import importlib.util
import re
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, TfidfVectorizer

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_folder

NAME = "ml-100k-mm"

# The size of the model's representations (METHOD.md: d = 64): more columns would make the filter
# gate's input larger than its output on features that are themselves made from few words.
TEXT_DIMENSIONS = 64
KNOWLEDGE_DIMENSIONS = 64

# A word or triple that only one item has can relate it to no other.
MIN_ITEMS_PER_TOKEN = 2

# Below this a row is rounding error around zero and has no direction for a cosine.
MIN_NORM = 1e-6

# As RecBole's file spells the absent title and genre.
PLACEHOLDERS = frozenset({"unkonwn", "unknown"})

Tokens = dict[str, list[str]]

# Item ids of ml-100k and of the later MovieLens sets (1M, 20M, latest), one to one.
_IDS_FILE = Path(__file__).with_name("movielens_ids.csv")

_SOURCE_SUFFIXES = ("inter", "item", "kg", "link")

_README = f"""# {NAME}

MovieLens 100k with two item modalities, made by recbole-drepmrec from the copy of ml-100k in the
recbole 1.2.1 package. Delete this folder to have it built again.

| file | content |
|---|---|
| `{NAME}.inter`, `{NAME}.item` | RecBole's atomic files, unchanged |
| `text_feat.npy`, `text_ids.txt` | title and genres: TF-IDF, truncated SVD, \
{TEXT_DIMENSIONS} columns |
| `knowledge_feat.npy`, `knowledge_ids.txt` | Freebase triples: TF-IDF, truncated SVD, \
{KNOWLEDGE_DIMENSIONS} columns |

An id list names the raw item id of each row of its matrix, one a line, in the order of the rows.
An item that is not in the list lacks the modality.

`knowledge` covers the items that could be matched by title and year with the MovieLens ids that
RecBole's `ml-100k.link` really holds (it is keyed by the ids of the later MovieLens sets).

## Origin and terms
- MovieLens 100k: GroupLens Research, University of Minnesota; for research use, not to be
  redistributed without permission. F. M. Harper and J. A. Konstan, "The MovieLens Datasets:
  History and Context", ACM TiiS 5(4), 2015.
- Freebase triples: CC BY, Google and the Freebase community, by way of KB4Rec and RecBole.
"""


def build_ml100k_mm(folder: Path) -> None:
    """Make the data set ``ml-100k-mm`` in ``folder``, which appears only when it is whole.

    Args:
        folder: Where it goes, as in ``dataset/ml-100k-mm``; it must not exist yet, or be empty.

    Raises:
        UserError: RecBole's copy of ml-100k cannot be read, or ``folder`` cannot be written.
    """
    source = _source_files()
    with atomic_folder(folder) as temporary:
        for suffix in ("inter", "item"):
            shutil.copyfile(source[suffix], temporary / f"{NAME}.{suffix}")
        _write_modality(temporary, "text", _text_tokens(source["item"]), TEXT_DIMENSIONS)
        knowledge = _knowledge_tokens(source)
        _write_modality(temporary, "knowledge", knowledge, KNOWLEDGE_DIMENSIONS)
        (temporary / "README.md").write_text(_README, encoding="utf-8")


def _source_files() -> dict[str, Path]:
    # find_spec reads where a top-level package lies and runs none of it.
    spec = importlib.util.find_spec("recbole")
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"data set {NAME!r} is made from the ml-100k inside RecBole, and RecBole is not "
            "installed; run: pip install --no-deps recbole==1.2.1"
        )
    folder = Path(spec.submodule_search_locations[0]) / "dataset_example" / "ml-100k"
    files = {suffix: folder / f"ml-100k.{suffix}" for suffix in _SOURCE_SUFFIXES}
    missing = [str(path) for path in files.values() if not path.is_file()]
    if missing:
        raise UserError(
            f"data set {NAME!r} is made from files that the installed RecBole lacks: "
            f"{', '.join(missing)}; run: pip install --no-deps --force-reinstall recbole==1.2.1"
        )
    return files


def _rows(path: Path) -> list[list[str]]:
    """Read an atomic file's rows as strings (nothing becomes NaN), without its header."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [line.split("\t") for line in lines[1:] if line]


def _text_tokens(item_file: Path) -> Tokens:
    """List each item's title words and genres, a genre being another token than the same word."""
    tokens = {}
    for item, title, _year, genres in _rows(item_file):
        words = re.findall(r"\w+", title.lower())
        kept = [w for w in words if w not in ENGLISH_STOP_WORDS and w not in PLACEHOLDERS]
        named = [f"genre:{genre}" for genre in genres.split() if genre not in PLACEHOLDERS]
        tokens[item] = kept + named
    return tokens


def _knowledge_tokens(source: dict[str, Path]) -> Tokens:
    """List each item's triples, one token per (relation, direction, other entity)."""
    tokens_of_entity: dict[str, list[str]] = defaultdict(list)
    for head, relation, tail in _rows(source["kg"]):
        tokens_of_entity[head].append(f"{relation}>{tail}")
        tokens_of_entity[tail].append(f"{relation}<{head}")
    entities = _entities_of_items(source["link"])
    items = [row[0] for row in _rows(source["item"])]
    return {item: tokens_of_entity.get(entities.get(item, ""), []) for item in items}


def _entities_of_items(link_file: Path) -> dict[str, str]:
    """Map ml-100k's item ids to Freebase entities, through the ids that ``.link`` really holds."""
    entities = dict(_rows(link_file))
    pairs = [line.split(",") for line in _IDS_FILE.read_text(encoding="utf-8").split()[1:]]
    return {item: entities[other] for item, other in pairs if other in entities}


def _write_modality(folder: Path, name: str, tokens: Tokens, dimensions: int) -> None:
    items, features = _embed(tokens, dimensions)
    np.save(folder / f"{name}_feat.npy", features)
    (folder / f"{name}_ids.txt").write_text(
        "".join(f"{item}\n" for item in items), encoding="utf-8"
    )


def _embed(tokens: Tokens, dimensions: int) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Embed token lists by TF-IDF and the exact truncated SVD (latent semantic analysis) [ours].

    Args:
        tokens: Item id: its tokens.
        dimensions: Columns of the result.

    Returns:
        The ids of the items that have a direction in the space, and their rows, shape
        (items, ``dimensions``).
    """
    vectorizer = TfidfVectorizer(analyzer=_as_given, min_df=MIN_ITEMS_PER_TOKEN)
    weights: Any = vectorizer.fit_transform(tokens.values())  # (all items, tokens)
    # ARPACK: exact, so that the result hangs on no random projection; the seed is its start vector.
    svd = TruncatedSVD(dimensions, algorithm="arpack", random_state=0)
    embedded = svd.fit_transform(weights)
    present = np.linalg.norm(embedded, axis=1) > MIN_NORM
    items = [item for item, kept in zip(tokens, present, strict=True) if kept]
    return items, embedded[present].astype(np.float32)


def _as_given(tokens: list[str]) -> list[str]:
    return tokens
