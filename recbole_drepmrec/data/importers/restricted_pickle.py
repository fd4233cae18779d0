"""Reads pickled matrices without running anything that a pickle can name.

An ordinary unpickler calls whatever the file names, and numpy and scipy trust the state they are
given. So each name that a matrix needs stands here for a small class or function of our own that
only keeps what it is given; the arrays and matrices are built and checked afterwards. Any other
name ends the reading before anything of it is imported.
"""

import io
import pickle
import pickletools
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from recbole_drepmrec.errors import UserError

_PLAIN = {
    "set": set,
    "frozenset": frozenset,
    "list": list,
    "dict": dict,
    "int": int,
    "tuple": tuple,
}
_COLLECTIONS = {"OrderedDict": OrderedDict, "defaultdict": defaultdict}
_SPARSE = {f"{form}_{kind}": form for form in ("coo", "csr", "csc") for kind in ("matrix", "array")}
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")


def load_pickle(path: Path) -> Any:
    """Read a pickle of scipy's coo, csr and csc matrices, numeric arrays and plain containers.

    Args:
        path: The file; it is read whole.

    Raises:
        UserError: It cannot be read, is cut off, is no pickle, or names anything else. Nothing that
            it names is imported or called.
    """
    try:
        data = path.read_bytes()
        _check_memo(data)
        return _Finisher().finish(_Restricted(io.BytesIO(data), encoding="latin1").load())
    except UserError:
        raise
    except _RefusedError as refused:
        raise UserError(
            f"{path} is a pickle that names '{refused}', which is not part of a matrix; loading it "
            "could run code, so it is refused and nothing of it was run. Expected a pickle of "
            "scipy.sparse matrices, numpy arrays of numbers or plain containers; save the matrix "
            "with scipy.sparse and pickle, or ask its publisher what the file is."
        ) from refused
    except OSError as error:
        raise UserError(
            f"cannot read {path}: {error.strerror or error}; check the path."
        ) from error
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise UserError(
            f"{path} is not a whole pickle of a matrix ({type(error).__name__}: {error}); it may "
            "be cut off or another kind of file. Download or copy it again."
        ) from error


class _RefusedError(Exception):
    """A name that no matrix needs."""


class _Sparse:
    """What a pickle says of a sparse matrix; ``form`` is coo, csr or csc."""

    form = ""


class _Dtype:
    """What a pickle says of an array's type."""

    def __init__(self, spec: Any, *_: Any) -> None:
        self.spec, self.order = spec, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = str(state[1])

    def real(self) -> np.dtype[Any]:
        """The type itself, if it is one of numbers."""
        found = np.dtype(str(self.spec))
        if found.kind not in "biuf":
            raise _RefusedError(f"numpy.dtype {self.spec!r}")
        return found if self.order in "|=" else found.newbyteorder(cast(Any, self.order))


class _Array:
    """What a pickle says of an array."""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.fortran, self.raw = state

    def real(self) -> NDArray[Any]:
        """The array itself, if its bytes are as many as its shape asks for."""
        if not isinstance(self.dtype, _Dtype) or not isinstance(self.raw, bytes | str):
            raise _RefusedError("an array of Python objects")
        raw = self.raw.encode("latin1") if isinstance(self.raw, str) else self.raw
        return _from_bytes(raw, self.dtype, self.shape, "F" if self.fortran else "C")


def _from_bytes(raw: Any, dtype: _Dtype, shape: Any, order: str) -> NDArray[Any]:
    flat = np.frombuffer(bytes(raw), dtype.real())
    return flat.reshape(tuple(int(n) for n in shape), order=cast(Any, order)).copy()


def _scalar(dtype: _Dtype, raw: bytes | str) -> Any:
    return _from_bytes(raw.encode("latin1") if isinstance(raw, str) else raw, dtype, (), "C")[()]


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """How Python 3 spells bytes in a pickle of Python 2's protocols."""
    if encoding not in {"latin1", "latin-1"}:
        raise _RefusedError(f"_codecs.encode to {encoding}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


class _Restricted(pickle.Unpickler):
    """Knows the names below and no other."""

    def find_class(self, module: str, name: str) -> Any:
        """Give our stand-in for a name, or refuse it."""
        found = _stand_in(module, name)
        if found is None:
            raise _RefusedError(f"{module}.{name}")
        return found

    def persistent_load(self, pid: Any) -> Any:
        """Refuse a reference to something outside of the file."""
        raise _RefusedError(f"persistent id {pid!r}")


def _stand_in(module: str, name: str) -> Any:
    """Our stand-in for a name, or None. Made anew each time: a pickle may write on what it gets."""
    if module in {"builtins", "__builtin__"}:
        return _fresh(_no_bytes) if name == "bytes" else (_PLAIN | {"object": object}).get(name)
    if module == "collections":
        return _COLLECTIONS.get(name)
    if (module, name) == ("_codecs", "encode"):
        return _fresh(_encode)
    if (module, name) == ("copyreg", "_reconstructor") or module == "copy_reg":
        return lambda cls, *_: _new_sparse(cls)
    if module.startswith("scipy.sparse") and name in _SPARSE:
        return type("_Sparse", (_Sparse,), {"form": _SPARSE[name]})
    return _numpy_stand_in(module, name)


def _numpy_stand_in(module: str, name: str) -> Any:
    if (module, name) == ("numpy", "ndarray"):
        return type("_Array", (_Array,), {})
    if (module, name) == ("numpy", "dtype"):
        return type("_Dtype", (_Dtype,), {})
    if module in _MULTIARRAY and name == "_reconstruct":
        return lambda *_: _Array()
    if module in _MULTIARRAY and name == "scalar":
        return _fresh(_scalar)
    if module in _NUMERIC and name == "_frombuffer":
        return _fresh(_from_bytes)
    return None


def _fresh(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *arguments: function(*arguments)


def _new_sparse(cls: Any) -> _Sparse:
    if not (isinstance(cls, type) and issubclass(cls, _Sparse)):
        raise _RefusedError(f"copyreg._reconstructor of {cls!r}")
    return cls()


class _Finisher:
    """Puts arrays and matrices in the place of what stands for them, each once."""

    def __init__(self) -> None:
        self._done: dict[int, Any] = {}

    def finish(self, value: Any) -> Any:
        """The value with everything in it real."""
        if id(value) not in self._done:
            self._done[id(value)] = self._real(value)
        return self._done[id(value)]

    def _real(self, value: Any) -> Any:
        if isinstance(value, _Array):
            return value.real()
        if isinstance(value, _Sparse):
            return _sparse(value.form, {k: self.finish(v) for k, v in vars(value).items()})
        if isinstance(value, _Dtype):
            return value.real()
        if isinstance(value, dict):
            return {self.finish(key): self.finish(held) for key, held in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return type(value)(self.finish(held) for held in value)
        if value is None or isinstance(value, str | bytes | bytearray | int | float | np.generic):
            return value
        return self._array_or_refuse(value)

    def _array_or_refuse(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value
        raise _RefusedError(repr(value))


def _sparse(form: str, state: dict[str, Any]) -> Any:
    """Build a sparse matrix; scipy checks that its indices lie inside its shape."""
    rows, columns = (int(n) for n in state["_shape"])
    data = np.asarray(state["data"])
    if form == "coo":
        row, column = state["coords"] if "coords" in state else (state["row"], state["col"])
        return sp.coo_matrix((data, (row, column)), shape=(rows, columns))
    make = sp.csr_matrix if form == "csr" else sp.csc_matrix
    matrix = make((data, state["indices"], state["indptr"]), shape=(rows, columns))
    matrix.check_format(full_check=True)
    return matrix


def _check_memo(data: bytes) -> None:
    """Refuse memo places beyond the file's length: each would make the unpickler take memory."""
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in {"PUT", "BINPUT", "LONG_BINPUT"} and int(argument or 0) > len(data):
            raise ValueError(f"memo place {argument} in a file of {len(data)} bytes")
