"""Matrices come through; whatever could run code does not, and is not run."""

import contextlib
import pickle
from collections import OrderedDict, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.importers.restricted_pickle import load_pickle
from recbole_drepmrec.errors import UserError

DENSE = np.array([[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]], dtype=np.float32)


def _written(path: Path, value: Any, protocol: int = 4) -> Path:
    path.write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("form", ["coo", "csr", "csc"])
@pytest.mark.parametrize("kind", ["matrix", "array"])
def test_sparse_matrices(tmp_path: Path, protocol: int, form: str, kind: str) -> None:
    given_ = getattr(sp, f"{form}_{kind}")(DENSE)
    found = load_pickle(_written(tmp_path / "m.pkl", given_, protocol))
    assert isinstance(found, getattr(sp, f"{form}_matrix"))
    np.testing.assert_array_equal(found.toarray(), DENSE)
    assert found.dtype == np.float32


def test_a_matrix_as_older_scipy_and_numpy_wrote_it(tmp_path: Path) -> None:
    data = pickle.dumps(sp.coo_matrix(DENSE), 2)
    old = data.replace(b"scipy.sparse._coo\n", b"scipy.sparse.coo\n")
    old = old.replace(b"numpy._core.multiarray\n", b"numpy.core.multiarray\n")
    assert old != data
    found = load_pickle(_written(tmp_path / "m.pkl", old))
    np.testing.assert_array_equal(found.toarray(), DENSE)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
@pytest.mark.parametrize(
    "array",
    [
        DENSE,
        np.asfortranarray(DENSE),
        DENSE.astype(">f8"),
        np.arange(3),
        np.zeros((0, 2)),
        DENSE > 0,
    ],
)
def test_arrays(tmp_path: Path, protocol: int, array: np.ndarray) -> None:
    found = load_pickle(_written(tmp_path / "a.pkl", array, protocol))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_plain_containers(tmp_path: Path, protocol: int) -> None:
    value = {
        "a": [1, 2.5, None, True, "ü"],
        2: (b"xy", b"", {3}, frozenset({4})),
        "n": np.float32(1.5),
        "o": OrderedDict(x=1),
        "d": defaultdict(list, {5: [6]}),
        "m": [np.arange(2)],
    }
    found = load_pickle(_written(tmp_path / "c.pkl", value, protocol))
    np.testing.assert_array_equal(found["m"].pop(), [0, 1])
    assert found == value | {"m": []}


class _Bomb:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.parts = (call, arguments)

    def __reduce__(self) -> Any:
        return self.parts


def _touch(marker: str) -> None:
    Path(marker).write_text("run")


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_a_bomb_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    import os
    import subprocess

    marker = tmp_path / "marker"
    command = f"touch {marker}"
    code = f"open({str(marker)!r}, 'w').close()"
    calls = [(os.system, command), (eval, code), (exec, code), (_touch, str(marker))]
    calls += [(subprocess.getoutput, command), (getattr, "x", "y"), (__import__, "os")]
    for call, *arguments in calls:
        bomb = _Bomb(call, *arguments)
        for held in (bomb, [bomb], {1: sp.coo_matrix(DENSE), 2: bomb}):
            path = _written(tmp_path / "bomb.pkl", held, protocol)
            with pytest.raises(UserError, match=r"bomb.pkl.*names '.*refused") as caught:
                load_pickle(path)
            assert call.__name__ in str(caught.value)
    assert not marker.exists()


def test_names_of_allowed_modules_are_not_all_allowed(tmp_path: Path) -> None:
    for module, name in [
        ("numpy", "load"),
        ("numpy.core.multiarray", "fromfile"),
        ("scipy.sparse", "load_npz"),
        ("copyreg", "add_extension"),
        ("builtins", "getattr"),
        ("scipy.sparse._coo", "coo_matrix.__init__"),
    ]:
        path = _written(tmp_path / "g.pkl", f"c{module}\n{name}\n.".encode())
        with pytest.raises(UserError, match="refused"):
            load_pickle(path)


@pytest.mark.parametrize(
    "value",
    [
        np.array([object()], dtype=object),
        np.array(["a"]),
        np.array([("x", 1)], dtype=[("a", "U1"), ("b", int)]),
        sp.lil_matrix(DENSE),
        sp.dok_matrix(DENSE),
        Path("x"),
        complex(1, 2),
    ],
)
def test_other_things_are_refused(tmp_path: Path, value: Any) -> None:
    with pytest.raises(UserError):
        load_pickle(_written(tmp_path / "x.pkl", value))


def test_indices_beyond_the_shape_are_refused(tmp_path: Path) -> None:
    bad = sp.csr_matrix(DENSE)
    bad.indices[0] = 1000  # scipy's C code would read past the end
    with pytest.raises(UserError, match="not a whole pickle"):
        load_pickle(_written(tmp_path / "m.pkl", bad))


def test_a_huge_memo_place_takes_no_memory(tmp_path: Path) -> None:
    bomb = b"\x80\x02]r\xff\xff\xff\x7f."
    with pytest.raises(UserError, match="memo place"):
        load_pickle(_written(tmp_path / "m.pkl", bomb))


def test_a_bare_name_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        load_pickle(_written(tmp_path / "g.pkl", b"cscipy.sparse._coo\ncoo_matrix\n."))
    with pytest.raises(UserError, match="cannot read"):
        load_pickle(tmp_path / "none.pkl")


def test_a_class_that_a_pickle_writes_on_is_not_ours(tmp_path: Path) -> None:
    # BUILD with slot state sets attributes on whatever is below it, here on a class.
    spoil = b"cscipy.sparse._coo\ncoo_matrix\n(N}Vform\nVspoilt\nstb."
    with pytest.raises(UserError):
        load_pickle(_written(tmp_path / "s.pkl", spoil))
    test_sparse_matrices(tmp_path, 4, "coo", "matrix")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(protocol=st.sampled_from([0, 2, 4, 5]), cut=st.floats(0, 1, exclude_max=True))
def test_cut_off_files(tmp_path: Path, protocol: int, cut: float) -> None:
    data = pickle.dumps(sp.csr_matrix(DENSE), protocol)
    with pytest.raises(UserError):
        load_pickle(_written(tmp_path / "m.pkl", data[: int(cut * len(data))]))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    protocol=st.sampled_from([0, 2, 4, 5]),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4),
)
def test_damaged_files(tmp_path: Path, protocol: int, changes: list[tuple[float, int]]) -> None:
    data = bytearray(pickle.dumps({"m": sp.csr_matrix(DENSE), "l": [1, "a"]}, protocol))
    for where, byte in changes:
        data[int(where * len(data))] = byte
    with contextlib.suppress(UserError):
        load_pickle(_written(tmp_path / "m.pkl", bytes(data)))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, data: bytes) -> None:
    with contextlib.suppress(UserError):
        load_pickle(_written(tmp_path / "m.pkl", data))
