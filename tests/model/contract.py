"""What every multimodal recommender must do; a new model is a class with a name and settings."""

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from recbole.data.interaction import Interaction

from recbole_drepmrec import fixed_shapes
from recbole_drepmrec.config import Config
from recbole_drepmrec.prepared import Prepared, prepare
from recbole_drepmrec.run_folder import RunFolder
from recbole_drepmrec.trainer import trainer_class
from tests.datasets import DatasetFiles, clustered
from tests.waits import Waits


def build(model: Any, files: DatasetFiles, parent: Path, **settings: Any) -> Prepared:
    """Write a data set and build a model on it."""
    written = files.write(parent)
    return prepare(Config(model, config_dict={**written, **settings}))


Make = Callable[..., Prepared]


def maker(model: Any, parent: Path, files: DatasetFiles | None = None, **defaults: Any) -> Make:
    """Build a model as often as one likes, each time in a folder of its own below ``parent``.

    What it returns takes other files and other settings than those given here.
    """
    made = itertools.count()
    usual = files or clustered()

    def make(files: DatasetFiles | None = None, **settings: Any) -> Prepared:
        folder = parent / str(next(made))
        return build(model, files or usual, folder, **{**defaults, **settings})

    return make


def trainer(prepared: Prepared, name: str = "run") -> Any:
    config = prepared.config
    run = RunFolder.create(Path(config["checkpoint_dir"]), config["model"], name)
    return trainer_class(config["MODEL_TYPE"], config["model"])(config, prepared.model, run)


def all_scores(prepared: Prepared) -> torch.Tensor:
    """Scores of every user and item, shape [n_users, n_items]."""
    model = prepared.model
    users = torch.arange(model.n_users, device=prepared.config["device"])
    return model.full_sort_predict(Interaction({model.USER_ID: users})).view(model.n_users, -1)


def gradients_of(model: Any, batch: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss of a batch and its gradients, from the same random numbers at each call."""
    torch.manual_seed(0)
    model.zero_grad()
    loss = model.calculate_loss(batch)
    loss.backward()
    named = model.named_parameters()
    return loss.detach(), {name: p.grad.clone() for name, p in named if p.grad is not None}


def losses(prepared: Prepared, epochs: int) -> list[float]:
    """Train, and return the loss of each epoch."""
    prepared.config["epochs"] = epochs
    training = trainer(prepared)
    training.fit(prepared.train_data, prepared.valid_data, saved=False, verbose=False)
    return list(training.train_loss_dict.values())


def recall(prepared: Prepared) -> float:
    """Train, and return the recall at 5 on the test data."""
    training = trainer(prepared)
    training.fit(prepared.train_data, prepared.valid_data, verbose=False)
    return float(training.evaluate(prepared.test_data)["recall@5"])


class RecommenderContract:
    """What holds for any recommender with features, one that learns nothing included.

    Inherit, and set ``model`` and ``settings``.
    """

    model: Any  # its name, or its class
    settings: dict[str, Any] = {}

    @pytest.fixture
    def make(self, tmp_path: Path) -> Make:
        return maker(self.model, tmp_path, **self.settings)

    def test_predict_agrees_with_full_sort(self, make: Make) -> None:
        prepared = make()
        model = prepared.model.eval()
        users, items = torch.tensor([1, 5, 7]), torch.tensor([3, 2, 9])
        pairs = Interaction({model.USER_ID: users, model.ITEM_ID: items})
        torch.testing.assert_close(model.predict(pairs), all_scores(prepared)[users, items])

    def test_learns_the_clusters(self, make: Make) -> None:
        """A quarter of the items is right for a user: chance is about .1 at 5 of 48 items."""
        assert recall(make(learning_rate=0.01, epochs=40)) > 0.5

    def test_checkpoint_restores_the_scores(self, make: Make) -> None:
        files = clustered()
        prepared = make(files, epochs=2)
        training = trainer(prepared)
        training.fit(prepared.train_data, verbose=False)
        prepared.model.eval()
        other = make(files, seed=77)
        trainer(other).evaluate(other.test_data, model_file=training.run.checkpoint)
        torch.testing.assert_close(all_scores(other), all_scores(prepared))

    def test_features_stay_out_of_the_checkpoint(self, make: Make) -> None:
        prepared = make()
        sizes = {tuple(value.shape) for value in prepared.model.state_dict().values()}
        for features in prepared.dataset.modal_features.values():
            assert features.values.shape not in sizes

    def test_relabelling_ids_permutes_the_scores(self, make: Make) -> None:
        """Internal ids follow the order of the file; nothing else may depend on them."""
        files = clustered()
        turned = DatasetFiles(files.train[::-1], files.valid, files.test, files.features)
        one, other = make(files), make(turned)
        users, items = (same_tokens(one, other, field) for field in ("user_id", "item_id"))
        load_permuted(one, other, users, items)
        one.model.eval()
        other.model.eval()
        expected = all_scores(one)[users][:, items]
        torch.testing.assert_close(all_scores(other), expected, rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("modalities", [["text"], ["image"]])
    def test_one_modality_is_enough(self, make: Make, modalities: list[str]) -> None:
        prepared = make(use_modalities=modalities)
        assert np.isfinite(losses(prepared, epochs=1)).all()

    def test_many_modalities_of_any_name(self, make: Make) -> None:
        files = clustered()
        features = {f"view {n}.b": files.features["text"] for n in range(4)}
        prepared = make(DatasetFiles(files.train, files.valid, files.test, features))
        assert np.isfinite(losses(prepared, epochs=1)).all()

    @pytest.mark.gpu
    def test_cuda_scores_equal_cpu_scores(self, make: Make) -> None:
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device on this machine")
        files = clustered()
        cpu, gpu = make(files, use_gpu=False), make(files)
        assert gpu.config["device"].type == "cuda"
        gpu.model.load_state_dict(cpu.model.state_dict())
        losses(gpu, epochs=1)
        losses(cpu, epochs=1)
        gpu.model.load_state_dict(cpu.model.state_dict())
        torch.testing.assert_close(all_scores(gpu).cpu(), all_scores(cpu), rtol=1e-4, atol=1e-5)


class ModelContract(RecommenderContract):
    """What holds for a model that learns, and scores by dot products."""

    def test_encodes_every_user_and_item(self, make: Make) -> None:
        model = make().model
        users, items = model.forward()
        assert (len(users), len(items)) == (model.n_users, model.n_items)
        assert users.isfinite().all()
        assert items.isfinite().all()

    mixes_precision = True

    def test_mixed_precision_trains_nearly_the_same(self, make: Make) -> None:
        if not self.mixes_precision:
            pytest.skip("its own sparse products, of RecBole, are of float32 only on CPU")
        whole, mixed = (losses(make(enable_amp=mix), epochs=2) for mix in (False, True))
        assert mixed == pytest.approx(whole, rel=0.05)

    waits_because = ""

    def test_a_step_never_waits_for_a_gpu(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a GPU's shapes no operation reads anything back, and loss and gradients are the same.

        The second step, because some models make a graph in the first one of an epoch.
        """
        if self.waits_because:
            pytest.skip(self.waits_because)
        prepared = make(use_gpu=False)
        prepared.model.train()
        batch = next(iter(prepared.train_data))
        gradients_of(prepared.model, batch)
        expected = gradients_of(prepared.model, batch)
        monkeypatch.setattr(fixed_shapes, "has_fixed_shapes", lambda _: True)
        with Waits() as waits:
            found = gradients_of(prepared.model, batch)
        assert not waits.found, waits.found
        torch.testing.assert_close(found, expected)

    @pytest.mark.gpu
    def test_a_step_on_cuda_never_waits(self, make: Make) -> None:
        if self.waits_because:
            pytest.skip(self.waits_because)
        if not torch.cuda.is_available():
            pytest.skip("no CUDA device on this machine")
        prepared = make()
        prepared.model.train()
        batch = next(iter(prepared.train_data)).to(prepared.config["device"])
        gradients_of(prepared.model, batch)
        torch.cuda.set_sync_debug_mode("error")
        try:
            gradients_of(prepared.model, batch)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def test_loss_reaches_every_parameter(self, make: Make) -> None:
        prepared = make()
        prepared.model.train().calculate_loss(next(iter(prepared.train_data))).backward()
        for name, parameter in prepared.model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name

    def test_training_lowers_the_loss(self, make: Make) -> None:
        history = losses(make(learning_rate=0.01), epochs=8)
        assert history[-1] < 0.9 * history[0]

    def test_same_seed_same_losses(self, make: Make) -> None:
        assert losses(make(), epochs=3) == losses(make(), epochs=3)

    def test_other_seed_other_losses(self, make: Make) -> None:
        assert losses(make(seed=1), epochs=1) != losses(make(seed=2), epochs=1)

    def test_scores_are_never_stale(self, make: Make) -> None:
        """A training step, and a loaded state, must show in the next scores."""
        prepared = make()
        model = prepared.model.eval()
        before = all_scores(prepared)
        stored = {key: value.clone() for key, value in model.state_dict().items()}
        losses(prepared, epochs=1)
        model.eval()
        after = all_scores(prepared)
        assert not torch.equal(before, after)
        model.load_state_dict(stored)
        torch.testing.assert_close(all_scores(prepared), before)

    def test_resumed_training_equals_unbroken(self, make: Make) -> None:
        files = clustered()
        unbroken = make(files, epochs=4)
        whole = trainer(unbroken)
        whole.fit(unbroken.train_data, verbose=False)
        first = make(files, epochs=2)
        half = trainer(first)
        half.fit(first.train_data, verbose=False)
        second = make(files, epochs=4)
        rest = trainer(second)
        rest.resume_checkpoint(half.run.checkpoint)
        rest.fit(second.train_data, verbose=False)
        assert rest.train_loss_dict == {e: whole.train_loss_dict[e] for e in (2, 3)}
        assert_same_parameters(second, unbroken)


def assert_same_parameters(one: Prepared, other: Prepared) -> None:
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(value, other.model.state_dict()[name], rtol=0, atol=0)


def same_tokens(one: Prepared, other: Prepared, field: str) -> torch.Tensor:
    """Ids of ``one`` in the order of ``other``'s ids."""
    tokens = other.dataset.field2id_token[field]
    return torch.tensor([one.dataset.field2token_id[field][token] for token in tokens])


def load_permuted(
    source: Prepared, target: Prepared, users: torch.Tensor, items: torch.Tensor
) -> None:
    """Give ``target`` the parameters of ``source``, rows of users and items in its own order."""
    n_users, n_items = source.model.n_users, source.model.n_items
    assert n_users != n_items
    order = {n_users: users, n_items: items}
    state = {
        name: value[order[len(value)]] if value.dim() == 2 and len(value) in order else value
        for name, value in source.model.state_dict().items()
    }
    target.model.load_state_dict(state)
