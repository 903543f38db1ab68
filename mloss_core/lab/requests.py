"""Requests: a type of job with its parameters in their one spelling, and the key by which equal ones are known."""

from collections.abc import Mapping, Sequence
from typing import Any

from mloss_core.caching import CODE_VERSION, digest_of
from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.lab.devices import device_queue
from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.lab.zoo_identity import zoo_identity
from mloss_core.merging.methods import plugin_digest
from mloss_core.recipe import Recipe


def canonical(kind: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a request in their one spelling: every option spelt out, what is None left out.

    Raises:
        UnknownNameError: no such type of job, method or processor.
        InvalidOptionError: a parameter is missing, unknown, of the wrong type or out of range.
    """
    if kind not in JOB_TYPES:
        raise unknown_name("kind of work", kind, tuple(JOB_TYPES))
    job_type = JOB_TYPES[kind]
    readers = job_type.readers
    given = {name: value for name, value in params.items() if value is not None}
    unknown = sorted(set(params) - set(readers))
    missing = [name for name in ("zoo", *job_type.required) if name not in given]
    if unknown or missing:
        found = f"unknown {', '.join(unknown)}" if unknown else f"no {', '.join(missing)}"
        raise InvalidOptionError(f"{kind} takes {', '.join(readers)}; found {found}.")
    return {name: readers[name](name, value) for name, value in given.items()}


def baseline_request(zoo: str, split: str, limit: int | None = None) -> dict[str, Any]:
    """The parameters of `baselines`: the rows that every comparison has.

    Args:
        zoo: its name. split: `test` or `val`. limit: images of each task at most; all by default.
    """
    return {"zoo": zoo, "tasks": None, "split": split} | limited(limit)


def recipe_request(
    zoo: str, recipe: Recipe, split: str, limit: int | None = None, tasks: Sequence[str] = ()
) -> dict[str, Any]:
    """The parameters of `recipe`: the row of a merge.

    Args:
        zoo, split, limit: as in `baseline_request`.
        tasks: all of the zoo's, on which a merge of fewer models is evaluated too, so that its row compares.
    """
    params = {"zoo": zoo, "recipe": recipe.to_dict(), "split": split} | limited(limit)
    return params if recipe.tasks is None else {**params, "tasks": list(tasks)}


def limited(limit: int | None) -> dict[str, int]:
    """The part of a request that keeps an evaluation to so many images of each task."""
    return {} if limit is None else {"limit": limit}


def request_key(kind: str, params: Mapping[str, Any], device: str) -> str:
    """SHA-256 that two requests share exactly when one answer serves both; `params` are canonical.

    A recipe whose method comes from a plugin depends on the plugin's text as well.
    """
    plugin = plugin_of(params)
    code = CODE_VERSION if plugin is None else [CODE_VERSION, plugin]
    revision = JOB_TYPES[kind].revision
    spelt = f"{kind} {revision}" if revision else kind
    return digest_of("request", code, spelt, dict(params), zoo_identity(params["zoo"]), device_queue(device))


def plugin_of(params: Mapping[str, Any]) -> str | None:
    """Digest of the plugins whose methods a request's recipes name; None where no plugin has a part in it."""
    models = [params.get("recipe"), params.get("a"), params.get("b"), *params.get("models", ())]
    found = [plugin_digest(model["method"]) for model in models if isinstance(model, Mapping)]
    plugins = [digest for digest in found if digest is not None]
    return plugins[0] if len(plugins) == 1 else digest_of(*plugins) if plugins else None
