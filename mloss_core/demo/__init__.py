"""The embedded zoos: procedural tasks, tiny CLIPs, fine-tunes of them, and how to rebuild them."""

from mloss_core.demo.embedded import MANIFEST_NAME, WEIGHTS, open_demo_zoo, read_manifest

__all__ = ["MANIFEST_NAME", "WEIGHTS", "open_demo_zoo", "read_manifest"]
