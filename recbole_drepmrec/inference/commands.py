"""``recbole-drepmrec recommend``, ``similar`` and ``explain``: what a finished run recommends."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

from tabulate import tabulate

from recbole_drepmrec.arguments import Parser, parsed, run_parser
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.bundle import Seen
from recbole_drepmrec.inference.explanation import Explanation
from recbole_drepmrec.inference.ranking import Recommended
from recbole_drepmrec.inference.recommender import Recommender
from recbole_drepmrec.inference.tables import check_out, table_writer


def recommend(arguments: list[str]) -> None:
    """Write the k best items of some users, of all, or of somebody known by their items.

    Args:
        arguments: ``RUN [--users=U,V | --users_file FILE | --history=I,J] [--k K] [--out FILE]``.

    Raises:
        UserError: Something that was given is wrong.
    """
    options = parsed(_recommend_parser(), arguments)
    if options is None:
        return
    check_out(options.out)
    run = Recommender.load(options.run)
    pool = {
        "candidates": None if options.candidates is None else read_ids(options.candidates),
        "exclude": [] if options.exclude is None else read_ids(options.exclude),
    }
    # before the writer: a mistake must not leave a header on the console
    blocks = _recommended(run, options, pool)
    with table_writer(options.out, ("user", "item", "score", "rank")) as write:
        for rows in blocks:
            write(rows)


def _recommended(
    run: Recommender, options: Any, pool: dict[str, Any]
) -> Iterable[list[Recommended]]:
    """What was asked for, a block at a time; what was given is checked at once."""
    if options.history is not None:
        items = _split(options.history)
        return [run.recommend_history(items, options.k, options.seen == "none", **pool)]
    users = None if options.users is None else _split(options.users)
    if options.users_file is not None:
        users = read_ids(options.users_file)
    lists = run.lists(users, options.k, options.seen, **pool)
    return (list(block.rows(run.items)) for block in lists)


def similar(arguments: list[str]) -> None:
    """Write the items most like some items, or the users most like some users.

    Args:
        arguments: ``RUN --items=I,J | --users=U,V [--by fused|behavior|MODALITY] [--out FILE]``.

    Raises:
        UserError: Something that was given is wrong.
    """
    options = parsed(_similar_parser(), arguments)
    if options is None:
        return
    check_out(options.out)
    run = Recommender.load(options.run)
    if options.items is not None:
        kind, rows = "item", run.similar_items(_split(options.items), options.k, options.by)
    else:
        kind, rows = "user", run.similar_users(_split(options.users), options.k, options.by)
    with table_writer(options.out, (kind, "similar", "score", "rank")) as write:
        write(rows)


def explain(arguments: list[str]) -> None:
    """Print what each line, modality and past item gave to a score.

    Args:
        arguments: ``RUN --user U --item I [--neighbours N]``.

    Raises:
        UserError: Something that was given is wrong.
    """
    options = parsed(_explain_parser(), arguments)
    if options is None:
        return
    run = Recommender.load(options.run)
    print(explained(run.explain(options.user, options.item, options.neighbours)))


def explained(found: Explanation) -> str:
    """An explanation as text.

    Args:
        found: The explanation.
    """
    parts = [(name, f"{share:+.4f}") for name, share in found.parts.items()]
    carried = [
        (f"{one.item} {one.title}".strip(), f"{one.carried:+.4f}") for one in found.neighbours
    ]
    rest = [("their other items", f"{found.others:+.4f}"), ("the user's own", f"{found.own:+.4f}")]
    score = ("score", f"{found.score:+.4f}")
    item = f"{found.item} {found.title}".strip()
    tables = [
        tabulate([*parts, score], headers=("line or modality", "share"), disable_numparse=True),
        tabulate([*carried, *rest, score], headers=("past item", "share"), disable_numparse=True),
    ]
    return "\n\n".join([f"user {found.user}, item {item}: {found.score:.4f}", *tables])


def read_ids(path: Path) -> list[str]:
    """Raw ids, one a line; empty lines are skipped, and an id that stands there again.

    Args:
        path: A text file.

    Raises:
        UserError: It cannot be read, or is empty.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} cannot be read ({error}); expected raw ids, one a line."
        ) from error
    ids = [line.strip() for line in lines if line.strip()]
    if not ids:
        raise UserError(f"{path} is empty; expected raw ids, one a line.")
    return _once(ids)


def _split(given: str) -> list[str]:
    ids = [part.strip() for part in given.split(",") if part.strip()]
    if not ids:
        raise UserError(f"'{given}' names nobody; give raw ids, as in 1,2,3.")
    return _once(ids)


def _once(ids: list[str]) -> list[str]:
    """Each id once, where it stands first: who is named twice gets one list."""
    return list(dict.fromkeys(ids))


def _add_k_and_out(parser: Parser) -> None:
    parser.add_argument("--k", type=int, default=10, help="length of a list (10)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=".csv, .parquet or .jsonl (CSV to the console)"
    )


def _recommend_parser() -> Parser:
    parser = run_parser("recommend")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--users", metavar="U,V", help="raw user ids (all users)")
    whose.add_argument("--users_file", type=Path, metavar="FILE", help="raw user ids, one a line")
    whose.add_argument("--history", metavar="I,J", help="items of a user who is not in the data")
    _add_k_and_out(parser)
    add = parser.add_argument
    add(
        "--seen",
        choices=get_args(Seen),
        default="valid",
        help="known items that are left out: none, those of training, of training and validation, "
        "or all, those of the test part too; with --history none, or else its items (valid)",
    )
    add("--candidates", type=Path, metavar="FILE", help="the only items listed, one id a line")
    add("--exclude", type=Path, metavar="FILE", help="items that are not listed, one id a line")
    return parser


def _similar_parser() -> Parser:
    parser = run_parser("similar")
    whose = parser.add_mutually_exclusive_group(required=True)
    whose.add_argument("--items", metavar="I,J", help="raw item ids")
    whose.add_argument("--users", metavar="U,V", help="raw user ids")
    parser.add_argument(
        "--by", default="fused", help="vectors compared: fused, behavior or a modality (fused)"
    )
    _add_k_and_out(parser)
    return parser


def _explain_parser() -> Parser:
    parser = run_parser("explain")
    parser.add_argument("--user", required=True, help="raw id")
    parser.add_argument("--item", required=True, help="raw id")
    parser.add_argument("--neighbours", type=int, default=10, help="past items shown (10)")
    return parser
