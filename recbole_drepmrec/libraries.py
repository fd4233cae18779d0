"""Finds the libraries that are no dependency of ours."""

import importlib
import importlib.metadata
import sys
from typing import Any

from recbole_drepmrec.errors import UserError


def library(module: str, package: str, extra: str) -> Any:
    """Import a library that is no dependency of ours.

    Args:
        module: Its name in Python.
        package: Its name on PyPI.
        extra: Our extra that installs it.

    Raises:
        UserError: It is not installed, or does not work with the torch that is.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name not in (None, module, module.partition(".")[0]):
            why = f"cannot be imported, because {error.name} is missing"
        elif error.name is None:
            why = f"cannot be imported ({error})"
        else:
            why = "is not installed"
        command = f'pip install "recbole-drepmrec[{extra}]"'
        raise UserError(f"the package {package} {why}; run `{command}`.") from error
    except RuntimeError as error:  # what a torchvision for another torch says
        raise UserError(
            f"the package {package} cannot be imported ({error}); install versions of torch and "
            "torchvision that belong together."
        ) from error


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of packages; one that is not there is left out.

    Args:
        packages: Their names on PyPI.
    """
    installed = {}
    for package in packages:
        try:
            installed[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    torch = sys.modules.get("torch")
    if "torch" in installed and torch is not None:
        installed["torch"] = str(torch.__version__)  # PyPI's wheel leaves its build out: +cu130
    return installed
