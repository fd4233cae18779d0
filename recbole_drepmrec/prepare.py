"""``recbole-drepmrec prepare``: read a data set of another layout and write it in ours."""

import shlex
from pathlib import Path

from recbole_drepmrec.arguments import Parser
from recbole_drepmrec.data.importers import LAYOUTS
from recbole_drepmrec.data.importers.published import AMAZON_2014, DOWNLOADS, MOVIELENS
from recbole_drepmrec.data.importers.validation import with_validation
from recbole_drepmrec.data.importers.write import Written, check_target, write_dataset
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.registry import DATASET_BUILDERS
from recbole_drepmrec.suggestions import nearest


def run(arguments: list[str]) -> None:
    """Prepare a data set and say what was written and what to run next.

    Args:
        arguments: ``LAYOUT SOURCE --name NAME`` and options.

    Raises:
        UserError: An option, the source or the name is not in order; nothing is written then.
    """
    parser = _parser()
    if {"--help", "-h"} & set(arguments):
        print(_help_text(parser))
        return
    options = parser.parse_args(arguments)
    if options.layout not in LAYOUTS:
        near = nearest(options.layout, LAYOUTS) or "."
        raise UserError(
            f"there is no layout '{options.layout}'{near} Choose one of {', '.join(LAYOUTS)}."
        )
    if options.name in DATASET_BUILDERS:
        raise UserError(
            f"{options.name} is the name of a built-in data set; choose another --name."
        )
    check_target(options.name, options.out, options.source)  # before hours of download and import
    if options.download is not None:
        if options.layout not in DOWNLOADS:
            raise UserError(
                f"--download knows addresses for the layouts {' and '.join(DOWNLOADS)} only, not "
                f"for {options.layout}; bring the files to {options.source} by hand, without it."
            )
        DOWNLOADS[options.layout](options.download, options.source)
    imported = LAYOUTS[options.layout](options.source, options.name)
    if options.valid_share is not None:
        imported = with_validation(imported, options.valid_share)
    written = write_dataset(imported, options.name, options.out, options.source)
    print(_summary(written, options.name, options.out))


def _parser() -> Parser:
    parser = Parser(prog="recbole-drepmrec prepare", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("layout", metavar="LAYOUT", help=f"how the source is laid out: {', '.join(LAYOUTS)}")
    add("source", metavar="SOURCE", type=Path, help="its folder or file")
    add("--name", required=True, help="name of the data set, for `train --dataset NAME`")
    add(
        "--out",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="folder of `dataset/` and `properties/` (here)",
    )
    add(
        "--valid_share",
        metavar="SHARE",
        type=float,
        help="share of the training interactions to draw for validation, if the source has none",
    )
    add(
        "--download",
        metavar="WHICH",
        help=f"fetch the files to SOURCE first; amazon: {', '.join(AMAZON_2014)}; "
        f"movielens: {', '.join(MOVIELENS)}",
    )
    add("--help", "-h", action="store_true", help="show this text")
    return parser


def _help_text(parser: Parser) -> str:
    layouts = []
    for name, importer in LAYOUTS.items():
        summary = (importer.__doc__ or "").strip().partition("\n")[0].replace("``", "")
        layouts.append(f"  {name:<10} {summary}")
    return "\n".join([parser.format_help(), "Layouts:", *layouts])


def _summary(written: Written, name: str, out: Path) -> str:
    frame = written.imported.interactions
    lines = [
        f"{name}: {frame['user_id'].nunique():,} users, {frame['item_id'].nunique():,} items, "
        f"{len(frame):,} interactions"
    ]
    if "split" in frame:
        counts = frame["split"].value_counts(sort=False)
        lines.append("split: " + ", ".join(f"{count:,} {part}" for part, count in counts.items()))
    for modality, table in written.imported.features.items():
        lines.append(f"modality {modality}: {table.values.shape[1]:,} features")
    lines += [f"note: {note}" for note in written.imported.notes]
    lines += [f"wrote {path}" for path in (*sorted(written.folder.iterdir()), written.properties)]
    there = "" if out.resolve() == Path.cwd() else f"cd {shlex.quote(str(out))} && "
    model = "" if written.imported.features else " --model LightGCN"
    lines.append(f"next: {there}recbole-drepmrec train --dataset {shlex.quote(name)}{model}")
    return "\n".join(lines)
