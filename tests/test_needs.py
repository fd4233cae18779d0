"""What a model needs is said before it is built."""

from pathlib import Path
from typing import Any

import pytest

from recbole_drepmrec.config import Config
from recbole_drepmrec.errors import UserError
from recbole_drepmrec.prepared import prepare
from tests.datasets import clustered


def config(folder: Path, **values: Any) -> Config:
    return Config("NCL+BMA", config_dict={**clustered().write(folder), **values})


def test_ncl_without_faiss_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = config(tmp_path)
    monkeypatch.setattr("recbole_drepmrec.needs.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"NCL\+BMA needs the package faiss-cpu"):
        prepare(given)


def test_ncl_wants_no_more_clusters_than_users(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    with pytest.raises(UserError, match="give fewer, such as --num_clusters=4"):
        prepare(config(tmp_path / "a"))
    assert prepare(config(tmp_path / "b", num_clusters=4)).model is not None
