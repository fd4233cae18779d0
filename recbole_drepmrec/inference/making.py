"""Makes, of a trained model, what recommending needs without its data set."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from recbole_drepmrec.data.pairs import numbered
from recbole_drepmrec.data.titles import read_titles
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.inference.bundle import (
    FILE,
    Bundle,
    Cosines,
    Histories,
    mapped_part,
    with_popularity,
)
from recbole_drepmrec.inference.histories import fit_history_map
from recbole_drepmrec.inference.new_items import FEATURES_FILE
from recbole_drepmrec.inference.new_items_making import item_maker_of
from recbole_drepmrec.model.base import MultimodalRecommender
from recbole_drepmrec.model.host_vectors import CARRIERS, find_vectors
from recbole_drepmrec.nn import Representations, part_name
from recbole_drepmrec.nn.blocks import divided, lengths_of
from recbole_drepmrec.nn.propagation import summed
from recbole_drepmrec.run_folder import RunFolder, provenance

logger = logging.getLogger(__name__)


def write_inference(run: RunFolder, prepared: Any) -> None:
    """Write a run's inference file, and what adding items needs, where its model has them.

    Args:
        run: The run's folder.
        prepared: The configuration, data and model, of the best epoch.

    Raises:
        UserError: A file cannot be written, or the model's vectors are no numbers.
    """
    bundle = bundle_of(prepared)
    if bundle is None:
        logger.info(
            "No inference file: the scores of %s are no dot products.", prepared.config["model"]
        )
        return
    bundle.write(run.path / FILE)
    if prepared.config["keep_features"]:
        maker = item_maker_of(prepared)
        if maker is not None:
            maker.write(run.path / FEATURES_FILE)


@torch.no_grad()
def bundle_of(prepared: Any) -> Bundle | None:
    """Gather what a trained model recommends from; None if its scores are no dot products.

    Args:
        prepared: The configuration, data and model, of the best epoch.

    Raises:
        UserError: The vectors are no numbers.
    """
    model, config, dataset = prepared.model.eval(), prepared.config, prepared.dataset
    fused = _scoring_vectors(model, config["model"])
    if fused is None:
        return None
    if not (fused.users.isfinite().all() and fused.items.isfinite().all()):
        raise UserError(
            f"{config['model']} gives scores that are no numbers; lower --learning_rate."
        )
    parts = model.parts() if isinstance(model, MultimodalRecommender) else {}
    parts = {name: _without_padding(part) for name, part in parts.items()}
    mapped = mapped_part(parts, fused)
    weights = model.cosine_weights() if parts else None
    cosines = None
    if weights is not None:
        parts, lengths = _divided(parts, weights)
        parts = with_popularity(parts, fused)
        cosines = Cosines(lengths, list(weights), model.settings.ranking_temperature)
    items = _raw_ids(dataset, dataset.iid_field)
    titles = read_titles(config, items.astype(np.str_))
    histories = histories_of(prepared)
    return Bundle(
        model=config["model"],
        dataset=config["dataset"],
        versions=provenance([])["versions"],
        users=_raw_ids(dataset, dataset.uid_field),
        items=items,
        titles=None if titles is None else titles.astype(object),
        fused=fused,
        parts=parts,
        present=_present(model),
        histories=histories,
        history_map=None if mapped is None else fit_history_map(mapped, histories),
        cosines=cosines,
    )


def _divided(
    parts: Mapping[str, Representations], weights: Sequence[float]
) -> tuple[dict[str, Representations], Tensor]:
    """Parts over the lengths of the whole vectors' blocks, and those of items, [n_items, B]."""
    whole = Representations(*map(summed, zip(*parts.values(), strict=True)))
    of_users, of_items = lengths_of(whole, weights)
    return {
        name: Representations(divided(part.users, of_users), divided(part.items, of_items))
        for name, part in parts.items()
    }, of_items


def _scoring_vectors(model: Any, name: str) -> Representations | None:
    if isinstance(model, MultimodalRecommender):
        return _without_padding(model.encoded())
    vectors = find_vectors(model) if name in CARRIERS else None
    return None if vectors is None else _without_padding(vectors.read())


def _without_padding(vectors: Representations) -> Representations:
    return Representations(*(table[1:].detach().float().cpu().clone() for table in vectors))


def _raw_ids(dataset: Any, field: str) -> NDArray[np.object_]:
    return np.asarray(dataset.field2id_token[field][1:], dtype=np.str_).astype(object)


def _present(model: Any) -> dict[str, Tensor]:
    side = getattr(model, "modal_side", None)
    if side is None:
        return {}
    line = side.modal_line
    return {
        part_name(name): encoder.present[1:].cpu().clone()
        for name, encoder in zip(line.names, line.encoders, strict=True)
    }


def histories_of(prepared: Any) -> Histories:
    """The known items of each user; one that stands in several parts counts in the first.

    Args:
        prepared: The configuration, data and model.
    """
    dataset = prepared.dataset
    loaders = (prepared.train_data, prepared.valid_data, prepared.test_data)
    parts = [numbered(loader._dataset) for loader in loaders]
    splits = np.repeat(np.arange(len(parts), dtype=np.int8), list(map(len, parts)))
    pairs, first = np.unique(np.concatenate(parts), return_index=True)
    users, items = np.divmod(pairs, dataset.item_num)
    ends = np.cumsum(np.bincount(users, minlength=dataset.user_num))  # the first is padding's, zero
    return Histories(ends.astype(np.int64), items - 1, splits[first])
