"""Reading atomic files: exact values, and one clear error a mistake."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_drepmrec.data.atomic_files import Column, read_columns, read_header, split_sequences
from recbole_drepmrec.errors import UserError


def _read(
    path: Path, separator: str = "\t", encoding: str = "utf-8", wanted: set[str] | None = None
) -> pd.DataFrame:
    columns = read_header(path, separator, encoding)
    chosen = [c for c in columns if wanted is None or c.name in wanted]
    return read_columns(path, columns, chosen, separator, encoding)


def _write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "d.inter"
    path.write_text(text, encoding=encoding)
    return path


def test_header(tmp_path: Path) -> None:
    path = _write(tmp_path, "\ufeffuser_id:token\ttags:token_seq\tx:float\n")
    assert read_header(path, "\t", "utf-8") == [
        Column("user_id", "token"),
        Column("tags", "token_seq"),
        Column("x", "float"),
    ]


@pytest.mark.parametrize("separator", ["\t", ",", "|", "::"])
def test_values_and_missing_values(tmp_path: Path, separator: str) -> None:
    rows = [["u:token", "x:float", "t:token_seq"], ["007", "", "a b"], ["None", "1e-3", ""]]
    path = _write(tmp_path, "\n".join(separator.join(row) for row in rows) + "\n")
    frame = _read(path, separator)
    assert frame["u"].tolist() == ["007", "None"]  # text stays text; None is a name
    assert frame["u"].dtype == object
    assert np.isnan(frame["x"][0])
    assert frame["x"][1] == 0.001
    assert frame["t"][0] == "a b"
    assert pd.isna(frame["t"][1])


def test_only_wanted_columns_in_file_order(tmp_path: Path) -> None:
    path = _write(tmp_path, "a:token\tb:float\tc:token\n1\t2\t3\n")
    frame = _read(path, wanted={"c", "b"})
    assert list(frame) == ["b", "c"]
    assert frame.iloc[0].tolist() == [2.0, "3"]


def test_windows_line_ends_blank_lines_and_quoted_separators(tmp_path: Path) -> None:
    path = tmp_path / "d.inter"
    path.write_bytes(b'a:token\tb:token\r\n1\t"x\ty"\r\n\r\n2\tz\r\n')
    assert _read(path).to_numpy().tolist() == [["1", "x\ty"], ["2", "z"]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_floats_come_back_bit_for_bit(tmp_path: Path, numbers: list[float]) -> None:
    path = _write(tmp_path, "x:float\n" + "".join(f"{number!r}\n" for number in numbers))
    assert _read(path)["x"].tolist() == numbers


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no header"),
        ("\n1\t2\n", "has no header"),
        ("user_id\titem_id:token\n1\t2\n", "line 1: the header has 'user_id'.*name:type"),
        ("user_id:tokens\n1\n", "'user_id:tokens'.*type one of token, token_seq, float"),
        (":token\n1\n", "the header has ':token'"),
        ("a:token,b:token\n1,2\n", "set field_separator"),
        ("a:token\tb:token\ta:float\n1\t2\t3\n", r"\['a'\] is named twice"),
        ("a:token\tb:token\n", "has a header but no rows"),
        ("a:token\tb:token\n\n", "has a header but no rows"),
        ("a:token\tb:token\n1\t2\n1\n", "line 3: 1 columns, but the header names 2"),
        ("a:token\tb:token\n1\t2\t3\n", "line 2: 3 columns, but the header names 2"),
        (
            "a:token\tb:float\n1\t2\n\n1\tx\n",
            "line 4: column 'b:float' has 'x', which is no number",
        ),
        ('a:token\tb:token\n1\t"2\n3\t4\n', "quotation mark"),
    ],
)
def test_each_mistake_has_its_message(tmp_path: Path, text: str, message: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(UserError, match=message) as caught:
        _read(path)
    assert str(path) in str(caught.value)


def test_wrong_encoding(tmp_path: Path) -> None:
    path = _write(tmp_path, "a:token\ncafé\n", "latin-1")
    with pytest.raises(UserError, match=r"not utf-8 text.*encoding"):
        _read(path)
    assert _read(path, encoding="latin-1")["a"].tolist() == ["café"]


def test_sequences_are_split(tmp_path: Path) -> None:
    tokens = split_sequences(tmp_path, Column("t", "token_seq"), ["p q", np.nan, " r "], " ")
    assert [part.tolist() for part in tokens] == [["p", "q"], [], ["r"]]
    floats = split_sequences(tmp_path, Column("v", "float_seq"), ["1,2.5", ""], ",")
    assert [part.tolist() for part in floats] == [[1.0, 2.5], []]
    assert floats[1].dtype == np.float64


def test_a_float_sequence_with_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'v:float_seq' has a value that is no number.*'x'"):
        split_sequences(tmp_path, Column("v", "float_seq"), ["1 x"], " ")
