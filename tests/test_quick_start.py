"""Whole runs: what is kept, what can be loaded again, RecBole's models, several processes."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.multiprocessing.spawn import spawn

from recbole_drepmrec import registry, run_folder
from recbole_drepmrec.checkpoint import read_checkpoint
from recbole_drepmrec.config import Config
from recbole_drepmrec.data.ml100k import build_ml100k_mm
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import create_dataset, prepare
from recbole_drepmrec.quick_start import load, objective_function, run, run_recbole
from recbole_drepmrec.result import Result, result_table
from recbole_drepmrec.run_folder import RunFolder
from tests.datasets import DatasetFiles, clustered
from tests.model.contract import all_scores, trainer
from tests.two_processes import gradients, step


def settings_of(parent: Path, files: DatasetFiles | None = None, **values: Any) -> dict[str, Any]:
    return {**(files or clustered()).write(parent / "dataset"), "epochs": 2, **values}


def test_several_threads_give_the_same_gradients_every_time(tmp_path: Path) -> None:
    """Of batches so large that torch shares them out, with rows that are read more than once."""
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        settings = settings_of(tmp_path, embedding_size=512, train_batch_size=360)
        prepared = prepare(Config("DRepMRec", config_dict=settings))
        model, batch = prepared.model.train(), next(iter(prepared.train_data))
        repeated = []
        for _ in range(10):
            model.zero_grad()
            model.calculate_loss(batch).backward()
            repeated.append([parameter.grad.clone() for parameter in model.parameters()])
        for gradients_again in repeated[1:]:
            assert all(map(torch.equal, repeated[0], gradients_again))
    finally:
        torch.set_num_threads(threads)


def test_a_run_keeps_what_is_needed_to_repeat_it(tmp_path: Path) -> None:
    result = run_recbole("DRepMRec", config_dict=settings_of(tmp_path, seed=7))
    folder = Path(result.run)
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["seed"] == 7
    assert record["interactions"] == {"train": 360, "valid": 60, "test": 60}
    assert set(record["features_sha256"]) == {"text", "image"}
    assert {"recbole", "torch", "numpy", "pandas", "python"} <= set(record["versions"])
    assert record["result"]["test_result"] == result.test_result
    assert record["command"]
    configuration = json.loads((folder / "config.json").read_text())
    assert configuration["seed"] == 7
    epochs = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [epoch["epoch"] for epoch in epochs] == [0, 1]
    assert result.best_valid_score == max(epoch["valid"]["ndcg@5"] for epoch in epochs)
    assert any((folder / "tensorboard").rglob("events.*"))
    assert not (Path.cwd() / "log_tensorboard").exists()


def test_repeating_a_run_gives_its_result(tmp_path: Path) -> None:
    first = run_recbole("DRepMRec", config_dict=settings_of(tmp_path))
    configuration = json.loads((Path(first.run) / "config.json").read_text())
    second = run_recbole(config_dict=configuration)
    assert second.test_result == first.test_result
    assert second.run != first.run


def test_test_data_is_scored_once_and_never_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swap the test split: the chosen epoch and its validation metrics stay."""
    files = clustered()
    other = DatasetFiles(files.train, files.valid, files.test[::2], files.features)
    results = [
        run_recbole("DRepMRec", config_dict=settings_of(tmp_path / name, split, epochs=4))
        for name, split in (("a", files), ("b", other))
    ]
    assert results[0].best_valid_result == results[1].best_valid_result
    assert results[0].test_result != results[1].test_result


def test_a_finished_run_is_loaded_with_its_model_and_data(tmp_path: Path) -> None:
    result = run_recbole("DRepMRec", config_dict=settings_of(tmp_path))
    loaded = load(result.run)
    assert not loaded.model.training
    assert trainer(loaded).evaluate(loaded.test_data, load_best_model=False) == result.test_result


def test_loading_notices_that_the_data_has_changed(tmp_path: Path) -> None:
    result = run_recbole("DRepMRec", config_dict=settings_of(tmp_path))
    file = tmp_path / "dataset" / "tiny" / "tiny.train.inter"
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:-1]) + "\n")
    with pytest.raises(UserError, match="is not the one that"):
        load(result.run)


def test_loading_notices_other_features(tmp_path: Path) -> None:
    result = run_recbole("DRepMRec", config_dict=settings_of(tmp_path))
    file = tmp_path / "dataset" / "tiny" / "text_feat.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(UserError, match="trained on other features: modality 'text'"):
        load(result.run)


def test_loading_notices_rows_that_belong_to_other_items(tmp_path: Path) -> None:
    """The matrix is the same; its id list is not."""
    result = run_recbole("DRepMRec", config_dict=settings_of(tmp_path))
    file = tmp_path / "dataset" / "tiny" / "text_ids.txt"
    file.write_text("".join(f"{raw}\n" for raw in reversed(file.read_text().split())))
    with pytest.raises(UserError, match="trained on other features: modality 'text' had sha256"):
        load(result.run)


def test_a_run_is_loaded_as_its_features_were_prepared(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, missing="knn", drop_modalities={"share": 0.2})
    for modality in settings["modalities"].values():
        modality["pca"] = 3
    result = run_recbole("DRepMRec", config_dict=settings)
    loaded = load(result.run)
    assert trainer(loaded).evaluate(loaded.test_data, load_best_model=False) == result.test_result


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"missing": "mean"}, "'image' had missing 'mask', now 'mean'"),
        ({"missing": "knn", "missing_k": 3}, "missing_k None, now 3"),
        ({"drop_modalities": {"share": 0.2, "modalities": ["image"]}}, "'image' had sha256"),
        ({"feature_norm": "l2"}, "had norm 'center_l2', now 'l2'"),
        ({"use_modalities": ["text"]}, "'image' had missing 'mask', now None"),
    ],
)
def test_training_goes_on_with_the_same_features_only(
    tmp_path: Path, values: dict[str, Any], message: str
) -> None:
    settings = settings_of(tmp_path)
    first = run_recbole("DRepMRec", config_dict=settings)
    training = trainer(prepare(Config("DRepMRec", config_dict={**settings, **values})))
    with pytest.raises(UserError, match=message):
        training.resume_checkpoint(Path(first.run) / "checkpoint.safetensors")


@pytest.mark.parametrize("name", ["none", "file"])
def test_loading_what_is_no_run(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="expected the folder of a run"):
        load(tmp_path / name)


def test_a_folder_of_runs_proposes_the_newest(tmp_path: Path) -> None:
    for second, name in enumerate(("newer", "older")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text("{}")
        os.utime(tmp_path / name / "config.json", (0, 2 - second))
    (tmp_path / "nowhere").mkdir()
    (tmp_path / "nowhere" / "config.json").symlink_to("gone")
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert str(caught.value).endswith(f"give one of them, such as {tmp_path / 'newer'}.")


@pytest.mark.parametrize("model", ["BPR", "LightGCN", "NGCF", "MultiVAE", "EASE", "ItemKNN", "Pop"])
def test_recbole_models_run_and_load(tmp_path: Path, model: str) -> None:
    """Trained by gradient, in closed form, or by counting; each with state of its own."""
    result = run_recbole(model, config_dict=settings_of(tmp_path))
    loaded = load(result.run)
    assert trainer(loaded).evaluate(loaded.test_data, load_best_model=False) == result.test_result


def test_a_recbole_model_begins_with_our_checkpoint_of_another(tmp_path: Path) -> None:
    """RaCT is trained in stages, and asks torch.load for the stage before."""
    settings = settings_of(tmp_path, train_stage="actor_pretrain", pretrain_epochs=1, save_step=1)
    before = Path(run_recbole("RaCT", config_dict=settings).run) / "checkpoint.safetensors"
    settings |= {"train_stage": "critic_pretrain", "pre_model_path": str(before)}
    critic = prepare(Config("RaCT", config_dict=settings)).model
    actor = read_checkpoint(before, torch.device("cpu"))["state_dict"]
    assert any(name.startswith("encoder") for name in actor)
    for name, value in critic.state_dict().items():
        if name in actor and not name.startswith("critic"):
            assert torch.equal(value, actor[name]), name


def test_unsaved_runs_leave_no_checkpoint(tmp_path: Path) -> None:
    result = run_recbole("DRepMRec", config_dict=settings_of(tmp_path), saved=False)
    assert not (Path(result.run) / "checkpoint.safetensors").exists()
    assert result.test_result["recall@5"] >= 0


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="training loss"):
        run_recbole("DRepMRec", config_dict=settings_of(tmp_path, learning_rate=1e30, epochs=5))
    record = json.loads(next((tmp_path / "dataset" / "saved").glob("*/run.json")).read_text())
    assert record["status"] == "failed"
    assert "training loss" in record["reason"]


def test_the_reason_of_a_failure_is_not_hidden_by_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, state: dict[str, Any]) -> None:
        monkeypatch.setattr(RunFolder, "write_json", refuse)
        raise UserError(f"cannot write {path}")

    def refuse(run: RunFolder, name: str, content: dict[str, Any]) -> None:
        raise UserError(f"cannot write {name}")

    monkeypatch.setattr("recbole_drepmrec.trainer.write_checkpoint", full)
    with pytest.raises(UserError, match=r"cannot write .*checkpoint\.safetensors"):
        run_recbole("DRepMRec", config_dict=settings_of(tmp_path))


@pytest.mark.parametrize("nproc", [0, -1])
def test_no_process_is_refused(nproc: int) -> None:
    with pytest.raises(UserError, match="expected at least 1 process"):
        run("DRepMRec", None, nproc=nproc)


def test_objective_function_serves_hyper_tuning(tmp_path: Path) -> None:
    trial = objective_function({"model": "DRepMRec", **settings_of(tmp_path)})
    assert trial["model"] == "DRepMRec"
    assert trial["valid_score_bigger"] is True
    assert trial["best_valid_score"] == trial["best_valid_result"]["ndcg@5"]


def test_coverage_metrics_work(tmp_path: Path) -> None:
    """RecBole's own collector stops at them."""
    metrics = ["Recall", "ItemCoverage", "GiniIndex", "ShannonEntropy", "AveragePopularity"]
    settings = settings_of(tmp_path, metrics=metrics, valid_metric="Recall@5")
    result = run_recbole("DRepMRec", config_dict=settings)
    assert 0 < result.test_result["itemcoverage@5"] <= 1


def test_interrupted_graph_cache_is_built_anew(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    first = prepare(Config("DRepMRec", config_dict=settings))
    folder = tmp_path / "dataset" / "tiny" / "graphs"
    files = list(folder.iterdir())
    assert files
    for file in files:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        file.with_name(f".{file.name}.1.tmp").write_bytes(b"left over")
    second = prepare(Config("DRepMRec", config_dict=settings))
    torch.testing.assert_close(all_scores(second), all_scores(first))


def test_graphs_need_not_be_kept(tmp_path: Path) -> None:
    prepare(Config("DRepMRec", config_dict=settings_of(tmp_path, graph_cache=False)))
    assert not (tmp_path / "dataset" / "tiny" / "graphs").exists()


def test_table_names_every_metric() -> None:
    result = Result(0.5, True, {"recall@5": 0.5}, {"recall@5": 0.25}, "saved/x")
    table = result_table(result, "DRepMRec", "tiny")
    assert "recall@5  0.5000        0.2500" in table
    assert "saved/x" in table


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def test_two_processes_train_and_report_as_one(tmp_path: Path) -> None:
    """Evaluated on one process, the model of two gives the metrics that they reported."""
    settings = settings_of(tmp_path, clustered(n_users=61), epochs=3, use_gpu=False)
    result = run("DRepMRec", None, None, settings, nproc=2, port=free_port())
    folder = Path(result.run)
    assert json.loads((folder / "run.json").read_text())["processes"] == 2
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 3
    assert len(list(folder.parent.iterdir())) == 1
    alone = load(folder)
    training = trainer(alone)
    assert training.evaluate(alone.test_data, load_best_model=False) == result.test_result
    valid = training.evaluate(alone.valid_data, load_best_model=False)
    assert valid == result.best_valid_result


def test_two_processes_take_the_same_step_as_one(tmp_path: Path) -> None:
    """Without negatives from the batch, averaged gradients are the gradient of the whole."""
    ranked = {"ranking_loss": "bpr", "leave_one_out": True}
    settings = settings_of(tmp_path, use_bma=False, use_gpu=False, **ranked)
    prepared = prepare(Config("DRepMRec", config_dict=settings))
    batch = next(iter(prepared.train_data))
    assert len(batch) % 2 == 0
    whole = gradients(prepared.model, prepared.model.calculate_loss(batch))
    spawn(step, args=(settings, free_port(), tmp_path / "gradients.pt"), nprocs=2, daemon=True)
    averaged = torch.load(tmp_path / "gradients.pt", weights_only=True)
    assert averaged.keys() == whole.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(averaged[name], gradient, rtol=1e-4, atol=1e-7)


def test_a_mistake_that_one_process_finds_ends_all(tmp_path: Path) -> None:
    """Only the first process looks for the data set."""
    settings = settings_of(tmp_path, use_gpu=False, dataset="nosuchset")
    with pytest.raises(UserError, match="there is no data set 'nosuchset'"):
        run("DRepMRec", None, None, settings, nproc=2, port=free_port())


@pytest.mark.parametrize("values", [{"eval_step": 0}, {}])
def test_runs_without_validation(tmp_path: Path, values: dict[str, Any]) -> None:
    files = clustered()
    valid = files.valid if values else []
    settings = settings_of(tmp_path, DatasetFiles(files.train, valid, files.test, files.features))
    if not values:
        settings["benchmark_filename"] = None
        settings["eval_args"] = {"split": {"RS": [0.8, 0.0, 0.2]}}
        (tmp_path / "dataset" / "tiny" / "tiny.inter").write_text(
            (tmp_path / "dataset" / "tiny" / "tiny.train.inter").read_text()
        )
    result = run_recbole("DRepMRec", config_dict={**settings, **values})
    record = json.loads((Path(result.run) / "run.json").read_text())
    assert record["result"]["best_valid_score"] is None
    assert len((Path(result.run) / "metrics.jsonl").read_text().splitlines()) == 2
    table = result_table(result, "DRepMRec", "tiny")
    assert "last epoch, no validation" in table
    assert f"recall@5  -             {result.test_result['recall@5']:.4f}" in table


def test_resumed_training_that_gets_no_better_keeps_the_best(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, epochs=3)
    first = run_recbole("DRepMRec", config_dict=settings)
    best = Path(first.run) / "checkpoint.safetensors"
    prepared = prepare(Config("DRepMRec", config_dict={**settings, "learning_rate": 1e-12}))
    training = trainer(prepared)
    training.resume_checkpoint(best)
    training.best_valid_score = 2.0  # nothing can be better
    prepared.config["epochs"] = training.epochs = 5
    _, result = training.fit(prepared.train_data, prepared.valid_data, verbose=False)
    assert result == first.best_valid_result
    assert training.evaluate(prepared.test_data) == first.test_result


def test_a_mistake_in_several_processes_is_one_message(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, modalities={"smell": {"file": "smell.npy"}}, use_gpu=False)
    with pytest.raises(UserError, match=r"smell\.npy does not exist"):
        run("DRepMRec", None, None, settings, nproc=2, port=free_port())


def test_the_embedded_data_set_is_built_on_first_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = Config("DRepMRec", "ml-100k-mm", config_dict={"graph_cache": False})
    dataset = create_dataset(config)
    assert (dataset.user_num - 1, dataset.item_num - 1, dataset.inter_num) == (943, 1682, 100_000)
    assert {name: f.values.shape[1] for name, f in dataset.modal_features.items()} == {
        "text": 64,
        "knowledge": 64,
    }


def test_runs_that_start_together_build_the_data_set_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ml-100k-mm"

    def beaten_to_it(target: Path) -> None:
        target.mkdir()
        (target / "ml-100k-mm.inter").write_text("of the other run")
        build_ml100k_mm(target)

    monkeypatch.setitem(registry.DATASET_BUILDERS, "ml-100k-mm", beaten_to_it)
    registry.provide_dataset("ml-100k-mm", folder)
    assert [path.name for path in folder.iterdir()] == ["ml-100k-mm.inter"]


def test_run_folders_have_names_of_their_own(tmp_path: Path) -> None:
    names = {RunFolder.create(tmp_path, "BPR", "tiny").path for _ in range(5)}
    assert len(names) == 5


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "PACKAGES", ("torch", "no-such-package"))
    versions = run_folder.provenance([])["versions"]
    assert versions["torch"] == torch.__version__
    assert versions["no-such-package"] == "unknown"
