"""A merge as a file to take away."""

from collections.abc import Mapping
from typing import Any

from mloss_core.caching import MERGED, Cache, cache_root, digest_of
from mloss_core.lab.jobs.records import writing
from mloss_core.lab.payloads import Payload
from mloss_core.merging import merge
from mloss_core.merging.methods import plugin_digest
from mloss_core.recipe import Recipe
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo


def write_merged(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Write the merged weights under the cache; its path, size and the digest of the weights."""
    recipe = Recipe.from_dict(params["recipe"])
    folder = cache_root() / MERGED
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    Cache().sweep()
    plugin = plugin_digest(recipe.method)
    merge_digest = recipe.digest if plugin is None else digest_of(recipe.digest, plugin)
    path = folder / f"{zoo.digest[:16]}-{merge_digest[:32]}.safetensors"
    result = merge(zoo, recipe, out=path, progress=progress)
    return Payload({"path": str(path), "digest": result.digest, "bytes": path.stat().st_size, "name": result.name})
