"""On a GPU the loss of an epoch is read once, after it: seen on a CPU that is taken for one."""

from pathlib import Path
from typing import Any

import pytest
import torch

from recbole_drepmrec import trainer
from recbole_drepmrec.config import Config
from recbole_drepmrec.data.device_batches import DeviceLoader
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import Prepared, prepare
from recbole_drepmrec.run_folder import RunFolder
from tests.datasets import clustered
from tests.waits import Waits

Epoch = tuple[Prepared, Any]

OWN: dict[str, dict[str, Any]] = {
    "NCL": {"num_clusters": 4},
    "RecVAE": {"train_neg_sample_args": None},
}


def ready(folder: Path, model: str = "DRepMRec", **values: Any) -> Epoch:
    folder.mkdir(exist_ok=True)
    lists = {"topk": [2], "valid_metric": "NDCG@2", "train_batch_size": 30, "use_gpu": False}
    run = prepare(Config(model, config_dict={**clustered().write(folder), **lists, **values}))
    make = trainer.trainer_class(run.config["MODEL_TYPE"], model)
    return run, make(run.config, run.model, RunFolder.create(folder / "runs", model, "tiny"))


@pytest.fixture
def taken_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The trainer's view only: shapes of batches stay those of a CPU."""
    monkeypatch.setattr(trainer, "has_fixed_shapes", lambda device: True)


@pytest.mark.parametrize("model", ["DRepMRec", "NCL", "SimpleX", "RecVAE"])
def test_the_loss_is_the_one_that_is_read_each_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """NCL and RecVAE have epochs of their own, which read each step."""
    losses = []
    for once in (False, True):
        monkeypatch.setattr(trainer, "has_fixed_shapes", lambda device, once=once: once)
        run, training = ready(tmp_path / str(once), model, **OWN.get(model, {}))
        if model == "NCL":
            run.model.e_step()  # its trainer's part
        losses.append(training._train_epoch(run.train_data, 0))
    assert isinstance(losses[1], type(losses[0]))
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)


def test_parts_of_a_loss_stay_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for once in (False, True):
        monkeypatch.setattr(trainer, "has_fixed_shapes", lambda device, once=once: once)
        run, training = ready(tmp_path / str(once), "BPR")
        whole = run.model.calculate_loss
        run.model.calculate_loss = lambda batch, whole=whole: (whole(batch), 2 * whole(batch))
        found.append(training._train_epoch(run.train_data, 0))
    assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert found[1][1] == pytest.approx(2 * found[1][0])


def test_what_an_epoch_reads_does_not_grow_with_its_steps(
    tmp_path: Path, taken_for_a_gpu: None
) -> None:
    """The order is made and copied, and the loss looked at and read."""
    found = []
    for size in (10, 30):
        run, training = ready(tmp_path / str(size), "BPR", train_batch_size=size)
        batches = DeviceLoader(run.train_data, torch.device("cpu"))
        with Waits() as waits:
            training._train_epoch(batches, 0)
        found.append(waits.found)
        assert len(batches) > 2
    assert found[0] == found[1]


def test_a_loss_that_diverges_ends_the_epoch(tmp_path: Path, taken_for_a_gpu: None) -> None:
    run, training = ready(tmp_path, "BPR", learning_rate=1e30)
    with pytest.raises(UserError, match="the training loss became (nan|inf)"):
        for epoch in range(5):
            training._train_epoch(run.train_data, epoch)
