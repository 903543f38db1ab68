"""What a request's answer depends on, found without importing torch: the code, the zoo's content, the device."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mloss_core
from mloss_core.caching import CODE_VERSION, digest_of


def zoo_identity(name: str) -> str:
    """Digest of the zoo's manifest, which names the digests of its weights; the name alone where there is none."""
    folder = Path(mloss_core.__file__).parent / "demo" / "weights" if name == "demo" else Path(name)
    try:
        return hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    except OSError:
        return name


def lane(device: str) -> str:
    """The device whose worker serves a request: `auto` is the first GPU that torch could use, or the CPU."""
    if device != "auto":
        return device
    built_for_gpu = not importlib.metadata.version("torch").endswith("+cpu")
    return "cuda:0" if built_for_gpu and Path("/dev/nvidia0").exists() else "cpu"


def request_key(kind: str, params: Mapping[str, Any], device: str) -> str:
    """SHA-256 that two requests share exactly when one answer serves both."""
    identity = zoo_identity(str(params.get("zoo", "")))
    return digest_of("request", CODE_VERSION, kind, dict(params), identity, lane(device))
