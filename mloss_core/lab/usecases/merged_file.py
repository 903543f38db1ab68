"""A merge as a file to take away."""

from collections.abc import Mapping
from typing import Any

from mloss_core.caching import cache_root
from mloss_core.lab.kinds import Payload
from mloss_core.merging import merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Write the merged weights under the cache; its path, size and the digest of the weights."""
    recipe = Recipe.from_dict(params["recipe"])
    folder = cache_root() / "merged"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{zoo.digest[:16]}-{recipe.digest[:32]}.safetensors"
    result = merge(zoo, recipe, out=path, progress=progress)
    return Payload({"path": str(path), "digest": result.digest, "bytes": path.stat().st_size, "name": result.name})
