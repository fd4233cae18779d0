"""The scoring head as an ONNX model: rows of users in, scores of all items out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from recbole_drepmrec.errors import UserError
from recbole_drepmrec.files import atomic_file
from recbole_drepmrec.inference.bundle import Bundle
from recbole_drepmrec.libraries import library, versions

OPSET, IR_VERSION = 17, 8
"""Those of 2022: older runtimes read it too, and it needs nothing newer."""

MOST_BYTES = 2**31 - 1
"""Of one ONNX file, which is a protocol buffer."""

CHECKED_USERS = 16
TOLERANCE = 1e-5
"""Share of the greatest score by which onnxruntime's may differ from ours."""


def write_scorer(path: Path, bundle: Bundle) -> None:
    """Write scores = E_U[user] E_I^T as ONNX, once onnxruntime gives the scores that we give.

    The input ``user`` is int64 [batch], places in the list of users; the output ``scores`` is
    float32 [batch, I]. The raw ids stand in the model's metadata, ``users`` and ``items``, as JSON
    lists. Nothing a user has seen is left out.

    Args:
        path: The file; an older one is replaced.
        bundle: What the run recommends from.

    Raises:
        UserError: onnx or onnxruntime is missing, there are too many users and items for one
            file, the scores differ, or the file cannot be written.
    """
    onnx = library("onnx", "onnx", "export")
    runtime = library("onnxruntime", "onnxruntime", "export")
    metadata = _metadata(bundle)
    _check_size(bundle, metadata)
    model = _model(onnx, bundle)
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    with atomic_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
        del model
        _check_scores(runtime, temporary, bundle)


def _model(onnx: Any, bundle: Bundle) -> Any:
    helper, kinds = onnx.helper, onnx.TensorProto
    tables = {
        "user_vectors": bundle.fused.users.numpy(),  # [U, D]
        "item_vectors": np.ascontiguousarray(bundle.fused.items.numpy().T),  # [D, I]
    }
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["user_vectors", "user"], ["vectors"]),  # [batch, D]
            helper.make_node("MatMul", ["vectors", "item_vectors"], ["scores"]),
        ],
        "scores",
        [helper.make_tensor_value_info("user", kinds.INT64, ["batch"])],
        [helper.make_tensor_value_info("scores", kinds.FLOAT, ["batch", len(bundle.items)])],
        [onnx.numpy_helper.from_array(table, name) for name, table in tables.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="recbole-drepmrec"
    )


def _metadata(bundle: Bundle) -> dict[str, str]:
    return {
        "users": json.dumps(bundle.users.tolist(), ensure_ascii=False),
        "items": json.dumps(bundle.items.tolist(), ensure_ascii=False),
        "model": bundle.model,
        "dataset": bundle.dataset,
    }


def _check_size(bundle: Bundle, metadata: dict[str, str]) -> None:
    numbers = sum(4 * table.numel() for table in bundle.fused)
    size = numbers + sum(len(text.encode()) for text in metadata.values())
    if size > 0.99 * MOST_BYTES:
        raise UserError(
            f"{len(bundle.users)} users and {len(bundle.items)} items take {size / 2**30:.1f} GiB, "
            "and an ONNX file holds 2 GiB; give --out=FILE.faiss or --out=FILE.npz."
        )


def _check_scores(runtime: Any, path: Path, bundle: Bundle) -> None:
    options = runtime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    rows = np.linspace(0, len(bundle.users) - 1, CHECKED_USERS).astype(np.int64)
    [actual] = session.run(["scores"], {"user": rows})
    expected = (bundle.fused.users[torch.from_numpy(rows)] @ bundle.fused.items.T).numpy()
    difference = float(np.abs(actual - expected).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise UserError(
            f"the scores of onnxruntime differ from the model's by {difference:.2g} "
            f"({versions('onnx', 'onnxruntime')}); nothing was written. Install the tested "
            "versions, those of constraints.txt."
        )
