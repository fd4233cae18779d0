"""Lets RecBole 1.2.1 run on current numpy and scipy, with no environment variable.

Nothing here imports RecBole or torch, so importing the package stays light.
"""

import importlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import dok_matrix

# RecBole reads the left names; numpy dropped them in 1.24 or 2.0. The types on the right are what
# RecBole's own ``Config.compatibility_settings`` meant (it spells them ``np.float_`` and so on).
_NUMPY_ALIASES: dict[str, type] = {
    "bool": np.bool_,
    "int": np.int_,
    "float": np.float64,
    "complex": np.complex128,
    "object": np.object_,
    "str": np.str_,
    "long": np.int_,
    "unicode": np.str_,
}

# The start of each message, as a regular expression, and its category.
_KNOWN_WARNINGS: tuple[tuple[str, type[Warning]], ...] = (
    # Trainer.__init__ builds a GradScaler by its old name, even with AMP off.
    (r"`torch\.cuda\.amp\.GradScaler\(args\.\.\.\)` is deprecated", FutureWarning),
    # LightGCN, NGCF and others build their graph with torch.sparse.FloatTensor.
    (r"torch\.sparse\.SparseTensor\(.*\) is deprecated", UserWarning),
    # Dataset._dataframe_to_interaction: pandas 3 lends its arrays read-only. The tensor that shares
    # one replaces the data frame, so nobody else sees it written to.
    (r"The given NumPy array is not writable", UserWarning),
    # DMF, GCMC and SpectralCF build one index tensor so, once.
    (r"Creating a tensor from a list of numpy\.ndarrays is extremely slow", UserWarning),
    # Dataset's filters; pandas 3 still obeys (a DeprecationWarning, shown by test runners).
    (r"The inplace keyword in DataFrame\.", DeprecationWarning),
)


def install() -> None:
    """Mend numpy and scipy in this process; a second call changes nothing.

    Sets the numpy aliases of :data:`_NUMPY_ALIASES` that the running numpy lacks, and
    ``dok_matrix._update`` where scipy (1.13 and later) lacks it. What exists is left as it is.
    """
    for name, value in _NUMPY_ALIASES.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy 1.2x warns at the very look
            missing = not hasattr(np, name)
        if missing:
            setattr(np, name, value)
    if not hasattr(dok_matrix, "_update"):
        dok_matrix._update = _dok_update  # type: ignore[attr-defined]


def _dok_update(matrix: Any, entries: Mapping[tuple[int, int], float]) -> None:
    """Set ``matrix[i, j] = entries[i, j]`` without a check, as scipy did up to 1.12.

    LightGCN, NGCF, GCMC, SpectralCF, NCL, KGIN and MCCLK fill their graph with it. Assigning the
    entries one by one gives the same matrix in many times the time.
    """
    matrix._dict.update(entries)


def flops_available() -> bool:
    """Whether RecBole's ``get_flops`` can run here.

    It needs ``thop``, and thop needs ``distutils.version``, which Python 3.12 dropped; some
    setuptools bring a stand-in. So it is tried, not guessed: where it fails, the number is left out
    rather than the run stopped.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # distutils announces its end
        try:
            importlib.import_module("thop.profile")
        except ImportError:
            return False
    return True


def quiet_known_warnings() -> None:
    """Silence the deprecation warnings that RecBole's own lines cause and a user cannot mend.

    Each filter names one message, and only where a module of RecBole causes it. Anything else, our
    own code's included, still warns.
    """
    for message, category in _KNOWN_WARNINGS:
        warnings.filterwarnings("ignore", message, category, module=r"recbole\.")
