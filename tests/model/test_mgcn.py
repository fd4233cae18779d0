"""MGCN: the contract, its views by hand, and what only features reveal."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import normalize, softplus

from recbole_drepmrec.graph import interaction_graph, normalised_bipartite
from recbole_drepmrec.prepared import Prepared
from tests.datasets import DatasetFiles, clustered, known_by_features
from tests.model.contract import ModelContract, build, trainer


class TestMGCN(ModelContract):
    """As it comes."""

    model = "MGCN"


class TestMGCNDeep(ModelContract):
    """Item graphs walked twice, a strong contrast."""

    model = "MGCN"
    settings = {"item_graph_layers": 2, "item_graph_k": 4, "cl_weight": 0.1, "n_layers": 1}


class TestMGCNSoftmax(ModelContract):
    """Ranked by cosines."""

    model = "MGCN"
    settings = {"ranking_loss": "softmax"}


def interactions(prepared: Prepared) -> torch.Tensor:
    data, model = prepared.train_data.dataset.inter_feat, prepared.model
    pairs = data["user_id"], data["item_id"]
    return normalised_bipartite(interaction_graph(*pairs, model.n_users, model.n_items)).to_dense()


def test_views_by_hand(tmp_path: Path) -> None:
    """Purified, smoothed over the item graph, then carried to users by 1 / sqrt(|N_u| |N_i|)."""
    prepared = build("MGCN", known_by_features(), tmp_path, item_graph_k=2)
    model = prepared.model
    encoder = model.encoders[0]
    unit = normalize(encoder.features.values, dim=1)
    cosines = (unit @ unit.T).clamp(min=0)
    cosines.fill_diagonal_(0)
    weights, nearest = cosines.max(dim=1)
    graph = torch.zeros_like(cosines)
    graph[torch.arange(model.n_items), nearest] = weights
    graph = (graph + torch.eye(model.n_items)) * encoder.present.unsqueeze(1)
    degrees = graph.sum(1).clamp(min=1e-9)
    graph = graph / (degrees.unsqueeze(1) * degrees).sqrt()
    table = model.ids.item_embedding
    projected = encoder.gate.projection(encoder.features.values)
    purified = table * torch.sigmoid(encoder.gate.gate(projected))
    items = graph @ (purified * encoder.present.unsqueeze(1))
    users = interactions(prepared)[: model.n_users, model.n_users :] @ items
    behavior, multimodal = model.views()
    # a single modality is all that is shared, whatever the attention
    torch.testing.assert_close(multimodal, torch.cat([users, items]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(behavior, torch.cat(model.ids()))
    encoded = model.forward()
    torch.testing.assert_close(encoded.items, (behavior + multimodal)[model.n_users :])


def contrast(queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    similar = (normalize(queries, dim=1) @ normalize(keys, dim=1).T) / 0.2
    return (similar.logsumexp(1) - similar.diagonal()).mean()


@pytest.mark.parametrize("kind", ["bpr", "softmax"])
def test_loss_by_hand(kind: str, tmp_path: Path) -> None:
    prepared = build(
        "MGCN",
        clustered(),
        tmp_path,
        cl_weight=0.3,
        reg_weight=0.7,
        ranking_loss=kind,
        ranking_temperature=0.5,
    )
    model, interaction = prepared.model, next(iter(prepared.train_data))
    users, positives, negatives = model.batch_ids(interaction)
    behavior, multimodal = model.views()
    rows = behavior + multimodal
    u, p, n = rows[users], rows[model.n_users + positives], rows[model.n_users + negatives]
    ranking = softplus((u * n).sum(1) - (u * p).sum(1)).mean()
    if kind == "softmax":
        bias = torch.nn.init.normal_(model.ranking.item_bias)
        ids = torch.cat([positives, negatives.unique()])
        items = normalize(rows[model.n_users + ids], dim=1)
        logits = normalize(u, dim=1) @ items.T / 0.5 + bias[ids]
        own, logits = logits[:, : len(p)].diagonal(), logits[:, len(p) :]
        ranking = (torch.cat([own[:, None], logits], dim=1).logsumexp(1) - own).mean()
    penalty = (u.pow(2).sum() + p.pow(2).sum() + n.pow(2).sum()) / (2 * len(users))
    expected = ranking + 0.7 * penalty
    for nodes in (users, model.n_users + positives):
        once = sorted(set(nodes.tolist()))
        expected = expected + 0.3 * contrast(multimodal[once], behavior[once])
    torch.testing.assert_close(model.calculate_loss(interaction), expected)


def test_who_has_no_modality_has_an_id_vector_alone(tmp_path: Path) -> None:
    """Only item i0 has features: the other items, and users without it, have LightGCN's vectors."""
    files = clustered()
    ids, values = files.features["text"]
    features = {"text": (ids[:1], values[:1])}
    lonely = DatasetFiles(files.train, files.valid, files.test, features)
    prepared = build("MGCN", lonely, tmp_path, feature_norm="l2")
    model = prepared.model
    _, multimodal = model.views()
    item = prepared.dataset.field2token_id["item_id"]["i0"]
    with_it = interactions(prepared)[:, model.n_users + item] > 0
    with_it[model.n_users + item] = True
    assert 0 < with_it.sum() < len(with_it)
    assert multimodal[~with_it].abs().sum() == 0
    assert (multimodal[with_it].abs().sum(1) > 0).all()
    loss = model.calculate_loss(next(iter(prepared.train_data)))
    loss.backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_finds_what_only_the_features_reveal(tmp_path: Path) -> None:
    """Cold items: the item graph carries to them what their neighbours learnt."""
    settings = {"epochs": 60, "learning_rate": 0.01}
    prepared = build("MGCN", known_by_features(), tmp_path, **settings)
    training = trainer(prepared)
    training.fit(prepared.train_data, prepared.valid_data, verbose=False)
    assert training.evaluate(prepared.test_data)["recall@5"] > 0.7
