"""The distinct ids of a batch, in shapes of a CPU and of a GPU."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recbole_drepmrec import fixed_shapes
from recbole_drepmrec.nn import distinct, distinct_ids, distinct_in_parts

IDS = st.lists(st.integers(0, 9), max_size=20)


@pytest.fixture(scope="module")
def shapes_of_a_gpu() -> object:
    """Shapes as on a GPU."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fixed_shapes, "has_fixed_shapes", lambda device: True)
        yield


@given(IDS)
def test_each_id_once_and_where_each_given_one_stands(given_ids: list[int]) -> None:
    ids = torch.tensor(given_ids, dtype=torch.int64)
    found = distinct(ids)
    assert found.ids.tolist() == sorted(set(given_ids))
    assert found.ids[found.places].tolist() == given_ids
    assert found.counted is None


def test_each_part_has_its_own_ids_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct_ids, "MOST_PAIRS", 3)
    found = distinct_in_parts(torch.tensor([5, 0, 5, 2, 6, 0, 3]))
    assert found.ids.tolist() == [0, 5, 0, 2, 6, 3]
    assert found.sizes == [(3, 2), (3, 3), (1, 1)]
    assert found.counted is None


@given(IDS)
@pytest.mark.usefixtures("shapes_of_a_gpu")
def test_on_a_gpu_zeros_fill_up_and_are_not_counted(given_ids: list[int]) -> None:
    ids = torch.tensor(given_ids, dtype=torch.int64)
    found = distinct(ids)
    n = len(set(given_ids))
    assert found.ids.tolist() == sorted(set(given_ids)) + [0] * (len(given_ids) - n)
    assert found.ids[found.places].tolist() == given_ids
    assert (found.places < n).all()
    assert found.counted is not None
    assert found.counted.tolist() == [True] * n + [False] * (len(given_ids) - n)


@pytest.mark.usefixtures("shapes_of_a_gpu")
def test_a_mask_leaves_out_more() -> None:
    found = distinct(torch.tensor([4, 2, 4]))
    assert found.counted_if(torch.tensor([False, True, True])).tolist() == [False, True, False]


@pytest.mark.usefixtures("shapes_of_a_gpu")
def test_each_part_fills_up_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct_ids, "MOST_PAIRS", 3)
    found = distinct_in_parts(torch.tensor([5, 0, 5, 2]))
    assert found.ids.tolist() == [0, 5, 0, 2]
    assert found.sizes == [(3, 3), (1, 1)]
    assert found.counted is not None
    assert found.counted.tolist() == [True, True, False, True]
