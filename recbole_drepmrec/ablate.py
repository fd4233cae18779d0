"""``recbole-drepmrec ablate``: DRepMRec against itself, a part taken away at a time."""

from pathlib import Path
from typing import Any

from recbole_drepmrec import compat
from recbole_drepmrec.arguments import Parser, config_files, names, not_empty, with_options
from recbole_drepmrec.compare import add_run_options, carried_out, runs_parser, show
from recbole_drepmrec.config import Config
from recbole_drepmrec.data.dataset import modality_sources
from recbole_drepmrec.evaluation.ablations import FULL, MODEL, ablation_table, ablations, chosen
from recbole_drepmrec.evaluation.analysis import analyse
from recbole_drepmrec.evaluation.plan import Variant
from recbole_drepmrec.evaluation.tables import all_tables
from recbole_drepmrec.model.drepmrec import DRepMRecSettings
from recbole_drepmrec.registry import DEFAULT_DATASET, provide_dataset


def command(arguments: list[str]) -> int:
    """Run ``recbole-drepmrec ablate ...``, and return the exit code: 1 if a run failed.

    Args:
        arguments: Options, and any ``--key=value`` of all runs.
    """
    return with_options(parser(), run, arguments)


def run(options: Any, values: dict[str, Any]) -> int:
    """Run the full model and every ablation that is not finished yet; print how they differ.

    Args:
        options: Of ``parser``.
        values: Configuration keys of all runs.

    Returns:
        The exit code: 1 if a run failed.

    Raises:
        UserError: Something that was given is wrong; no run has started then.
    """
    compat.quiet_known_warnings()
    dataset = options.dataset
    variants = _variants(dataset, config_files(options), values)
    if options.variants is not None:
        variants = chosen(
            variants, names(options.variants, "variants", "'without BMA,without SSS'")
        )
    with carried_out([dataset], variants, FULL, options, values) as comparison:
        table = [
            ablation_table(analyse(comparison, name), variants, options.test)
            for name in comparison.splits
        ]
        return show([*table, *all_tables(comparison)], table, comparison)


def _variants(dataset: str, files: list[str], values: dict[str, Any]) -> list[Variant]:
    config = Config(MODEL, dataset, files, {"state": "error", **values})
    provide_dataset(dataset, Path(config["data_path"]))
    modalities = modality_sources(config["modalities"], config["use_modalities"])
    return ablations(DRepMRecSettings.from_config(config), list(modalities))


def parser() -> Parser:
    """The command's options; what they leave over are configuration keys of the full model."""
    parser = runs_parser("ablate", "Train DRepMRec, and DRepMRec with a part taken away at a time.")
    parser.add_argument(
        "--dataset",
        "-d",
        type=not_empty,
        default=DEFAULT_DATASET,
        help=f"name of the data set ({DEFAULT_DATASET})",
    )
    parser.add_argument(
        "--variants", metavar="A,B", help="some of the variants, by their names in the table (all)"
    )
    add_run_options(parser, "ablation")
    return parser
