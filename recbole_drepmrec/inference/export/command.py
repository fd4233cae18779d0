"""``recbole-drepmrec export RUN --out FILE``."""

from collections.abc import Callable
from pathlib import Path

from recbole_drepmrec.arguments import Parser, parsed, run_parser
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.bundle import Bundle
from recbole_drepmrec.inference.export.index import FLAT, ids_file, write_index
from recbole_drepmrec.inference.export.scorer import write_scorer
from recbole_drepmrec.inference.export.vectors import write_npz, write_parquet
from recbole_drepmrec.inference.finding import find_bundle

INDEX = ".faiss"


def run(arguments: list[str]) -> None:
    """Write what a run has learnt, in the format that the file's ending names.

    Args:
        arguments: ``RUN --out FILE [--index KIND]``.

    Raises:
        UserError: Something that was given is wrong; an older file is as it was then.
    """
    options = parsed(_parser(), arguments)
    if options is None:
        return
    out: Path = options.out
    if out.suffix not in _WRITERS:
        raise UserError(f"--out={out} ends in '{out.suffix}', expected {', '.join(_WRITERS)}.")
    if options.index is not None and out.suffix != INDEX:
        raise UserError(f"--index belongs to --out=FILE{INDEX}, and --out is {out}; leave it out.")
    bundle = find_bundle(options.run)
    written = _WRITERS[out.suffix](out, bundle, options.index or FLAT)
    print(f"{len(bundle.users)} users and {len(bundle.items)} items: {written}")


def _vectors(write: Callable[[Path, Bundle], None]) -> Callable[[Path, Bundle, str], str]:
    def writer(out: Path, bundle: Bundle, _: str) -> str:
        write(out, bundle)
        return f"their vectors ({', '.join(bundle.tables)}) are in {out}"

    return writer


def _index(out: Path, bundle: Bundle, factory: str) -> str:
    found = write_index(out, bundle, factory)
    return (
        f"the index is {out}, its ids are in {ids_file(out)}; it finds {found:.3f} of the exact "
        "10 best items"
    )


def _scorer(out: Path, bundle: Bundle, _: str) -> str:
    write_scorer(out, bundle)
    return f"the scoring head is {out}; onnxruntime gives the model's scores"


_WRITERS: dict[str, Callable[[Path, Bundle, str], str]] = {
    ".npz": _vectors(write_npz),
    ".parquet": _vectors(write_parquet),
    INDEX: _index,
    ".onnx": _scorer,
}


def _parser() -> Parser:
    parser = run_parser("export")
    add = parser.add_argument
    add(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=".npz or .parquet, vectors of users and items with raw ids; .faiss, an index of the "
        "items, and their ids in FILE.npz; .onnx, a model that scores all items for users",
    )
    add(
        "--index",
        metavar="KIND",
        help="kind of a .faiss index, as faiss.index_factory takes it (Flat, which is exact)",
    )
    return parser
