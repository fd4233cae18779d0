"""``recbole-drepmrec add_items RUN --features M=FILE --ids FILE``."""

from pathlib import Path

from recbole_drepmrec.arguments import Parser, parsed, run_parser
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import held
from recbole_drepmrec.inference.adding import add_items, read_features
from recbole_drepmrec.inference.bundle import FILE, read_bundle
from recbole_drepmrec.inference.finding import find_file
from recbole_drepmrec.inference.new_items import FEATURES_FILE, read_item_maker


def run(arguments: list[str]) -> None:
    """Add items to what a run recommends; its file is replaced whole or not at all.

    Args:
        arguments: ``RUN --features M=FILE,N=FILE [--ids FILE | --ids M=FILE,N=FILE] [--out FILE]``.

    Raises:
        UserError: Something that was given is wrong; the run is as it was then.
    """
    options = parsed(_parser(), arguments)
    if options is None:
        return
    file = find_file(options.run)
    maker = read_item_maker(options.run / FEATURES_FILE)
    files = _by_modality("--features", options.features)
    ids = dict.fromkeys(files, options.ids) if options.ids else {}
    if options.ids and "=" in options.ids:
        ids = _by_modality("--ids", options.ids)
    unknown = sorted(set(ids) - set(files))
    if unknown:
        raise UserError(f"--ids names '{unknown[0]}', and --features does not; name it in both.")
    names, rows = read_features(files, ids)
    out = options.out or options.run / FILE
    with held(options.run):  # before it is read: what another command adds meanwhile must stay
        bundle = add_items(read_bundle(file), maker, names, rows)
        bundle.write(out)
    print(f"added {len(names)} items to {out}, which now has {len(bundle.items)}")


def _by_modality(option: str, given: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in given.split(",")]
    files = {name.strip(): file.strip() for name, _, file in pairs}
    if not all([*files, *files.values()]) or len(files) < len(pairs):
        raise UserError(
            f"{option} is '{given}', expected one file for each modality, as in "
            f"{option}=image=new_image.npy,text=new_text.npy."
        )
    return files


def _parser() -> Parser:
    parser = run_parser("add_items", "the folder of a finished run, saved/RUN_ID")
    add = parser.add_argument
    add(
        "--features",
        required=True,
        metavar="M=FILE,N=FILE",
        help="a feature file for each modality, in any format that a data set's may have",
    )
    add(
        "--ids",
        metavar="FILE",
        help="raw item id of each row, one a line, for all files; or M=FILE,N=FILE",
    )
    add("--out", type=Path, metavar="FILE", help=f"where to write (RUN/{FILE})")
    return parser
