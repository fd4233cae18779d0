"""RecBole's demands on numpy, scipy, warnings and thop, met in this process."""

import subprocess
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from recbole_drepmrec import compat


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("float", np.float64),
        ("int", np.int_),
        ("complex", np.complex128),
        ("object", np.object_),
        ("str", np.str_),
        ("unicode", np.str_),
    ],
)
def test_missing_numpy_alias_is_set(
    monkeypatch: pytest.MonkeyPatch, name: str, expected: type
) -> None:
    monkeypatch.delattr(np, name, raising=False)
    compat.install()
    assert getattr(np, name) is expected


def test_what_numpy_has_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = object()
    monkeypatch.setattr(np, "float", marker, raising=False)
    compat.install()
    compat.install()
    assert np.float is marker


def test_dok_update_sets_the_entries() -> None:
    matrix = sp.dok_matrix((3, 3), dtype=np.float32)
    matrix[0, 0] = 7
    matrix[1, 2] = 5
    matrix._update({(0, 0): 1, (np.int32(2), np.int32(1)): 4})
    assert matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix.toarray(), [[1, 0, 0], [0, 0, 5], [0, 4, 0]])
    assert matrix.nnz == 3


def test_an_existing_dok_update_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = object()
    monkeypatch.setattr(sp.dok_matrix, "_update", marker, raising=False)
    compat.install()
    assert sp.dok_matrix._update is marker


@pytest.fixture
def two_users_two_items() -> SimpleNamespace:
    """User 0 has both items, user 1 has item 1; as the models' constructors keep it."""
    pairs = sp.coo_matrix(np.array([[1, 1], [0, 1]], dtype=np.float32))
    return SimpleNamespace(n_users=2, n_items=2, interaction_matrix=pairs, device="cpu")


@pytest.mark.parametrize("name", ["LightGCN", "NGCF"])
@pytest.mark.filterwarnings("ignore")
def test_recbole_builds_its_symmetric_graph(
    two_users_two_items: SimpleNamespace, name: str
) -> None:
    from recbole.utils import get_model

    graph = get_model(name).get_norm_adj_mat(two_users_two_items).to_dense().numpy()
    half = 2**-0.5
    expected = [[0, 0, half, 0.5], [0, 0, 0, half], [half, 0, 0, 0], [0.5, half, 0, 0]]
    np.testing.assert_allclose(graph, expected, atol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_spectralcf_builds_its_laplacian(two_users_two_items: SimpleNamespace) -> None:
    from recbole.model.general_recommender.spectralcf import SpectralCF

    rows = [[0, 0, 0.5, 0.5], [0, 0, 0, 1], [1, 0, 0, 0], [0.5, 0.5, 0, 0]]
    eye = sp.identity(4).tocoo()
    model = SimpleNamespace(**vars(two_users_two_items), get_eye_mat=lambda n: _tensor(eye))
    graph = SpectralCF.get_laplacian_matrix(model)
    np.testing.assert_allclose(graph.to_dense().numpy(), np.eye(4) - rows, atol=1e-6)


def _tensor(matrix: Any) -> Any:
    import torch

    return torch.from_numpy(matrix.toarray()).float().to_sparse()


def _warnings_of(module: str, message: str, category: type[Warning]) -> int:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        compat.quiet_known_warnings()
        warnings.warn_explicit(message, category, "file.py", 1, module=module)
    return len(seen)


_SCALER = "`torch.cuda.amp.GradScaler(args...)` is deprecated. Please use `torch.amp.GradScaler`"


@pytest.mark.parametrize(
    ("module", "message", "category", "shown"),
    [
        ("recbole.trainer.trainer", _SCALER, FutureWarning, 0),
        ("recbole_drepmrec.trainer", _SCALER, FutureWarning, 1),
        (
            "recbole.model.general_recommender.ngcf",
            "torch.sparse.SparseTensor(indices, values, shape, *, device=) is deprecated.  Please",
            UserWarning,
            0,
        ),
        ("recbole.model.general_recommender.ngcf", "something new is deprecated", UserWarning, 1),
    ],
)
def test_only_known_warnings_of_recbole_are_silenced(
    module: str, message: str, category: type[Warning], shown: int
) -> None:
    assert _warnings_of(module, message, category) == shown


@pytest.mark.filterwarnings("error")
def test_flops_depend_on_thop_and_distutils(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "thop.profile", None)  # what an import error looks like
    assert not compat.flops_available()


def test_flops_are_there_where_thop_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "thop", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "thop.profile", SimpleNamespace())
    assert compat.flops_available()


def test_importing_the_package_mends_numpy_and_stays_light() -> None:
    code = (
        "import sys, numpy, scipy.sparse, recbole_drepmrec; "
        "assert numpy.float is numpy.float64; "
        "assert hasattr(scipy.sparse.dok_matrix, '_update'); "
        "assert not {'recbole', 'torch', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
