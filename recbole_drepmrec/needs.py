"""What a model needs of the data set and of this installation, seen before it is built."""

from importlib.util import find_spec
from typing import Any

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.protocol import check_topk
from recbole_drepmrec.registry import host_name


def check_needs(config: Any, dataset: Any) -> None:
    """See that the lists are no longer than there are items, and what NCL asks for.

    Args:
        config: The resolved configuration.
        dataset: The data set, whole.

    Raises:
        UserError: Something is missing or too large.
    """
    check_topk(config.final_config_dict, dataset.item_num - 1)
    if host_name(config["model"]) == "NCL":
        _check_ncl(config, dataset)


def _check_ncl(config: Any, dataset: Any) -> None:
    """RecBole's NCL finds prototypes by faiss, of users and of items, in the middle of training."""
    if find_spec("faiss") is None:
        raise UserError(
            f"{config['model']} needs the package faiss-cpu, which is not installed; "
            "pip install faiss-cpu."
        )
    most = min(dataset.user_num, dataset.item_num)  # padding is among them
    if config["num_clusters"] > most:
        raise UserError(
            f"`num_clusters` is {config['num_clusters']}, but {config['model']} sorts "
            f"{dataset.user_num - 1} users, and {dataset.item_num - 1} items, into so many "
            f"clusters; give fewer, such as --num_clusters={max(1, most // 10)}."
        )
