"""The zoos that have a name of their own."""

from pathlib import Path

import mloss_core

EMBEDDED = {"demo": Path(mloss_core.__file__).parent / "demo" / "weights"}
"""Folders of the zoos that have a name of their own."""
