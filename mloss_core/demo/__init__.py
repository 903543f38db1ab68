"""The embedded zoos: procedural tasks, tiny CLIPs, fine-tunes of them, and how to rebuild them."""

from mloss_core.demo.embedded import MANIFEST_NAME, NESTED, WEIGHTS, open_demo_zoo, open_nested_zoo, read_manifest

__all__ = ["MANIFEST_NAME", "NESTED", "WEIGHTS", "open_demo_zoo", "open_nested_zoo", "read_manifest"]
