"""``recbole-drepmrec report``: one page of all that a comparison shows."""

from pathlib import Path
from typing import get_args

from recbole_drepmrec import compat
from recbole_drepmrec.arguments import Parser, names, parsed
from recbole_drepmrec.evaluation.store import check_same_split, load_comparison
from recbole_drepmrec.report.page import write_page
from recbole_drepmrec.report.projection import Method, check_method


def run(arguments: list[str]) -> None:
    """Write ``OUT/report.html`` of a comparison or an ablation.

    Args:
        arguments: ``OUT [--datasets=A,B] [--projection pca|umap] [--no_checkpoints]``.

    Raises:
        UserError: The folder is none, nothing in it is finished, or a file is damaged or missing.
    """
    options = parsed(_parser(), arguments)
    if options is None:
        return
    compat.quiet_known_warnings()
    check_method(options.projection)
    comparison = load_comparison(options.out)
    check_same_split(comparison)
    datasets = (
        None if options.datasets is None else names(options.datasets, "datasets", "ml-100k-mm")
    )
    method = None if options.no_checkpoints else options.projection
    print(f"wrote {write_page(comparison, datasets, method)}")


def _parser() -> Parser:
    parser = Parser(prog="recbole-drepmrec report", add_help=False, allow_abbrev=False)
    add = parser.add_argument
    add("out", metavar="OUT", type=Path, help="the folder of a comparison or an ablation")
    add("--datasets", metavar="A,B", help="data sets to report on (all)")
    add(
        "--projection",
        choices=get_args(Method),
        default="pca",
        help="how representations are put into a plane (pca)",
    )
    add(
        "--no_checkpoints",
        action="store_true",
        help="leave out the pictures that need checkpoints and the data set",
    )
    add("--help", "-h", action="store_true", help="show this text")
    return parser
