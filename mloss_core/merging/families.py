"""The families of merging methods, and the records that their folders hold. Imports no torch."""

import importlib
import importlib.resources
from collections.abc import Iterator

from mloss_core.merging.record import Method

FAMILIES = ("flat", "spectral", "selection", "data_driven")
"""Folders of methods, in the order in which a form lists them."""
_MARK = b"\nMETHOD = "


def family_records() -> Iterator[Method]:
    """The records of all families: those that `records.py` lists, then those of files that hold a `METHOD`.

    A method that brings its own file needs no list to be named in. Such a file says so by a line that begins with
    `METHOD = ` and loads torch inside its functions alone; other files are not imported here.
    """
    for family in FAMILIES:
        package = f"{__package__}.{family}"
        listed = importlib.import_module(f"{package}.records").METHODS
        yield from listed
        for name in _method_files(package):
            method = importlib.import_module(f"{package}.{name}").METHOD
            if method not in listed:
                yield method


def _method_files(package: str) -> list[str]:
    """Names of the modules of a package whose text has a `METHOD`, sorted."""
    files = importlib.resources.files(package).iterdir()
    return sorted(file.name[:-3] for file in files if file.name.endswith(".py") and _MARK in file.read_bytes())
