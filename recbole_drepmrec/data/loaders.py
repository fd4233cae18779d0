"""A data set split into three parts, each in batches: RecBole's own, made from whole columns."""

from typing import Any, NamedTuple

from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.data.utils import get_dataloader
from recbole.sampler import KGSampler
from recbole.utils import ModelType

from recbole_drepmrec.data.device_batches import on_device
from recbole_drepmrec.data.ranking_batches import RankingLoader
from recbole_drepmrec.data.sampler import samplers
from recbole_drepmrec.data.training_batches import in_columns
from recbole_drepmrec.errors import UserError, recbole_complaints

LABEL_READERS = frozenset(
    {"DIEN", "DIN", "DMF", "FISM", "MKR", "NAIS", "NNCF", "NeuMF", "RippleNet"}
)
"""RecBole 1.2.1's models that learn labels, besides all context-aware ones."""

_LABEL_CURES = (
    "load one with `load_col`, make it of another loaded one, such as "
    "--threshold=\"{'rating': 4}\", or rank all items, by --eval_args=\"{'mode': 'full'}\" "
    "--train_neg_sample_args=\"{'distribution': 'uniform'}\" and metrics of lists"
)


class Loaders(NamedTuple):
    """The batches of the training, validation and test interactions."""

    train: Any
    valid: Any
    test: Any


def loaders(config: Any, dataset: Any) -> Loaders:
    """Split a data set and make the batches of each part.

    Args:
        config: The resolved configuration.
        dataset: All interactions; RecBole filters and splits it in place.

    Raises:
        UserError: A key does not go with the data or with the others.
    """
    train, valid, test = parts = dataset.build()
    train_sampler, valid_sampler, test_sampler = samplers(config, dataset, parts)
    training = _training_loader(config, dataset, train, train_sampler)
    left_out = [train, valid] if config["mask_valid_in_test"] else [train]
    validation = _evaluation_loader(config, "valid", valid, valid_sampler, [train])
    testing = _evaluation_loader(config, "test", test, test_sampler, left_out)
    if not config["mask_valid_in_test"] and not isinstance(testing, FullSortEvalDataLoader):
        raise UserError(
            "`mask_valid_in_test: False` is for full ranking; set "
            "--eval_args=\"{'mode': 'full'}\", or --mask_valid_in_test=True."
        )
    return Loaders(on_device(config, training), validation, testing)


def _training_loader(config: Any, dataset: Any, part: Any, sampler: Any) -> Any:
    kind, how = get_dataloader(config, "train"), config["train_neg_sample_args"]
    _check_labels_to_learn(config, part)
    knows_triples = config["MODEL_TYPE"] == ModelType.KNOWLEDGE
    with recbole_complaints("the training data cannot be made into batches"):
        if knows_triples:
            triples = KGSampler(dataset, how["distribution"], how["alpha"])
            return kind(config, part, sampler, triples, shuffle=True)
        loader = kind(config, part, sampler, shuffle=config["shuffle"])
    return in_columns(config, loader)


def _evaluation_loader(config: Any, phase: str, part: Any, sampler: Any, masked: list[Any]) -> Any:
    kind = get_dataloader(config, phase)
    if config["eval_args"]["mode"][phase] == "labeled":
        _check_labels_to_rank(config["LABEL_FIELD"], part)
    if kind is FullSortEvalDataLoader and config["MODEL_TYPE"] != ModelType.SEQUENTIAL:
        # where users take items again, RecBole leaves none out
        return RankingLoader(config, part, sampler, [] if config["repeatable"] else masked)
    with recbole_complaints(f"the data of {phase} cannot be made into batches"):
        return kind(config, part, sampler, shuffle=False)


def _check_labels_to_learn(config: Any, part: Any) -> None:
    """See that a model which learns labels has some: those of the data, or of negatives."""
    label, drawn = config["LABEL_FIELD"], config["train_neg_sample_args"]["distribution"] != "none"
    learns = config["model"] in LABEL_READERS or config["MODEL_TYPE"] == ModelType.CONTEXT
    if learns and not drawn and label not in part.inter_feat:
        raise UserError(
            f"{config['model']} learns labels, but `train_neg_sample_args` is None and the "
            f"interactions have no column '{label}'; {_LABEL_CURES}."
        )


def _check_labels_to_rank(label: str, part: Any) -> None:
    if label not in part.inter_feat:
        raise UserError(
            f"`eval_args` has the mode 'labeled', but the interactions have no column '{label}'; "
            f"{_LABEL_CURES}."
        )
