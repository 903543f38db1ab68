"""The command line: the same actions as the app, for long jobs and scripts."""

from mloss_core.cli.main import main

__all__ = ["main"]
