"""From many dimensions to the two of a picture."""

import importlib
from typing import Literal

import torch
from torch import Tensor

from recbole_drepmrec.errors import UserError

Method = Literal["pca", "umap"]
"""Principal components, or UMAP where the package umap-learn is installed."""

SEED = 0


def check_method(method: Method) -> None:
    """See that a method can be used.

    Args:
        method: The method.

    Raises:
        UserError: Its package is not installed.
    """
    if method == "umap":
        try:
            importlib.import_module("umap")
        except ImportError as error:
            raise UserError(
                '--projection is umap, which needs umap-learn: pip install "recbole-drepmrec[umap]"'
                ", or leave the option out for principal components."
            ) from error


def project(rows: Tensor, method: Method) -> Tensor:
    """Put rows into a plane.

    Args:
        rows: Shape [n, d], n at least 3.
        method: How.

    Returns:
        Shape [n, 2].
    """
    if method == "umap":
        umap = importlib.import_module("umap")
        fitted = umap.UMAP(metric="cosine", random_state=SEED, n_jobs=1).fit_transform(rows.numpy())
        return torch.from_numpy(fitted)
    return principal_components(rows)


def principal_components(rows: Tensor) -> Tensor:
    """The two directions of the greatest variance: centred X times its first right vectors.

    Each direction is turned so that its largest loading is positive, for one picture of one data.

    Args:
        rows: X, shape [n, d].

    Returns:
        Shape [n, 2]; zeros for directions that the rows do not have.
    """
    centred = rows.double() - rows.double().mean(0)
    _, _, directions = torch.linalg.svd(centred, full_matrices=False)  # [min(n, d), d]
    directions = directions[:2]
    largest = directions.abs().argmax(dim=1, keepdim=True)
    turned = directions * directions.gather(1, largest).sign()
    plane = rows.new_zeros(len(rows), 2)
    plane[:, : len(turned)] = (centred @ turned.T).to(rows.dtype)
    return plane
