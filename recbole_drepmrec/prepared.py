"""A configuration with its data loaded and split, and its model built."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recbole.utils import init_seed

from recbole_drepmrec.checkpoint import read_by_recbole
from recbole_drepmrec.config import Config
from recbole_drepmrec.data.loaders import loaders
from recbole_drepmrec.distributed import from_first, is_first, rank
from recbole_drepmrec.errors import UserError, recbole_complaints
from recbole_drepmrec.model.host_vectors import CARRIERS
from recbole_drepmrec.needs import check_needs
from recbole_drepmrec.process import choose_algorithms, keep_freed_memory, mix_in_bfloat16
from recbole_drepmrec.registry import dataset_class, is_multimodal, provide_dataset

LARGEST_SCORE_BLOCK = 2**26
"""Scores of one evaluation batch, at most: 256 MiB of float32."""


@dataclass
class Prepared:
    """A configuration with its data split and its model built.

    Attributes:
        config: The resolved configuration.
        dataset: All interactions.
        train_data: RecBole's training loader.
        valid_data: RecBole's validation loader.
        test_data: RecBole's test loader.
        model: The model, on its device.
    """

    config: Config
    dataset: Any
    train_data: Any
    valid_data: Any
    test_data: Any
    model: Any


def prepare(config: Config) -> Prepared:
    """Load and split the data, and build the model.

    Args:
        config: The resolved configuration.
    """
    init_seed(config["seed"], config["reproducibility"])
    on_cpu = config["device"].type == "cpu"  # other devices are left as they are: not tried
    choose_algorithms(on_cpu and bool(config["reproducibility"]))
    if on_cpu:
        keep_freed_memory()
    mix_in_bfloat16(config["device"].type)
    dataset = create_dataset(config)
    check_needs(config, dataset)
    ours = is_multimodal(config.model_class)
    in_blocks = ours or config["model"] in CARRIERS
    if in_blocks and set(config["eval_args"]["mode"].values()) == {"full"}:
        users = min(config["eval_batch_users"], max(1, LARGEST_SCORE_BLOCK // dataset.item_num))
        config["eval_batch_size"] = users * dataset.item_num
    made = loaders(config, dataset)
    init_seed(config["seed"] + rank(), config["reproducibility"])
    # Our models check what they are given; an error inside them is a fault of ours, to be seen.
    with (
        read_by_recbole(),
        nullcontext() if ours else recbole_complaints(f"{config['model']} cannot be built"),
    ):
        model = config.model_class(config, made.train._dataset).to(config["device"])
    return Prepared(config, dataset, made.train, made.valid, made.test, model)


def create_dataset(config: Config, kind: type[Any] | None = None) -> Any:
    """Load the configured data set, building or downloading it first where that is known.

    Args:
        config: The resolved configuration.
        kind: The data set class; None for that of the configured model.

    Raises:
        UserError: There is no such data set, or its files are not in order.
    """
    problem = None
    if is_first():
        try:
            provide_dataset(config["dataset"], Path(config["data_path"]))
        except UserError as error:
            problem = str(error)
    problem = from_first(problem)  # nobody waits for a process that has given up
    if problem is not None:
        raise UserError(problem)
    return (kind or dataset_class(config))(config)
