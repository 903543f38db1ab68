"""What can be asked for: the types of job, by name, and the parameters of each. A closed list; nothing else runs."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mloss_core.caching import CODE_VERSION, digest_of
from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.lab import parameters as read
from mloss_core.lab.devices import device_queue
from mloss_core.lab.parameters import Reader
from mloss_core.lab.zoo_identity import zoo_identity
from mloss_core.merging.methods import plugin_digest
from mloss_core.recipe import Recipe

if TYPE_CHECKING:
    from mloss_core.types import Progress
    from mloss_core.zoo.model import Zoo


@dataclasses.dataclass(frozen=True)
class CacheReference:
    """The cache entry that holds a payload already, so that it is not stored twice.

    Args:
        kind, key: of the entry.
        facts: names of the payload's plain values that are not the entry's.
    """

    kind: str
    key: str
    facts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Payload:
    """What a piece of work gives back: plain values and arrays by name.

    Args:
        meta, arrays: the whole answer.
        stored: where the cache holds it already, apart from a few facts.
    """

    meta: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    stored: CacheReference | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobType:
    """A type of job: what is asked for, how it is read, and what does it.

    Args:
        name: how requests call it.
        title: for people, where jobs are listed.
        target: `module:function` that does it: (zoo, params, progress) -> Payload; imported by the worker alone.
        required: parameters that must be there, and how each is read; optional: those that may be. Each type also
            takes `zoo`.
        priority: smaller goes first; what a person waits for with the page open is 0.
        writes_file: whether the payload's `path` names a file without which it is worth nothing.
        refers: whether the stored payload may refer to another cache entry, without which it is worth nothing.
        opening: share of the progress that opening the zoo takes, where that is the work itself.
        revision: raised when its payloads hold something new, so that those of older versions are not taken for them.
    """

    name: str
    title: str
    target: str
    required: Mapping[str, Reader] = dataclasses.field(default_factory=dict)
    optional: Mapping[str, Reader] = dataclasses.field(default_factory=dict)
    priority: int = 0
    writes_file: bool = False
    refers: bool = False
    opening: float = 0.0
    revision: int = 0

    @property
    def readers(self) -> dict[str, Reader]:
        """How each parameter is read, by name."""
        return {"zoo": read.zoo, **self.required, **self.optional}

    def load(self) -> "Callable[[Zoo, Mapping[str, Any], Progress], Payload]":
        """The function that does the work."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)


_HERE = "mloss_core.lab.usecases"
_ABOUT: Mapping[str, Reader] = {"task": read.words, "models": read.models, "split": read.words}
"""Several models on the images of one task."""
JOB_TYPES: dict[str, JobType] = {
    job_type.name: job_type
    for job_type in (
        JobType(name="zoo", title="Opening a zoo", target=f"{_HERE}.opening:summarise", opening=1.0),
        JobType(
            name="measure",
            title="M-Loss",
            target=f"{_HERE}.measuring:measure",
            required={"mloss": read.mloss},
            optional={"tasks": read.names},
            refers=True,
        ),
        JobType(
            name="node",
            title="One node",
            target=f"{_HERE}.measuring:measure_node",
            required={"mloss": read.mloss, "block": read.whole, "node": read.whole},
            optional={"tasks": read.names},
        ),
        JobType(
            name="spectra",
            title="Spectra",
            target=f"{_HERE}.measuring:measure_spectra",
            required={"matrix": read.words},
            optional={"block": read.whole, "fraction": read.number, "tasks": read.names},
        ),
        JobType(
            name="samples",
            title="Images",
            target=f"{_HERE}.opening:draw_samples",
            required={"task": read.words, "split": read.words, "indices": read.indices},
        ),
        JobType(
            name="pictures",
            title="Images",
            target=f"{_HERE}.inspecting:draw_pictures",
            required={"task": read.words, "split": read.words, "indices": read.indices},
        ),
        JobType(
            name="inspect",
            title="Answers",
            target=f"{_HERE}.inspecting:inspect_answers",
            required={"task": read.words, "a": read.model, "b": read.model, "split": read.words},
            optional={"limit": read.whole},
            priority=1,
        ),
        JobType(
            name="inspect_calibration",
            title="Calibration",
            target=f"{_HERE}.inspecting:inspect_calibration",
            required=_ABOUT,
            optional={"limit": read.whole},
            priority=1,
        ),
        JobType(
            name="inspect_features",
            title="Features",
            target=f"{_HERE}.inspecting:inspect_features",
            required=_ABOUT,
            optional={"limit": read.whole},
            priority=1,
        ),
        JobType(
            name="inspect_blocks",
            title="Blocks",
            target=f"{_HERE}.inspecting:inspect_blocks",
            required=_ABOUT,
            optional={"images": read.whole},
            priority=1,
        ),
        JobType(
            name="pairs",
            title="Pairs",
            target=f"{_HERE}.measuring:measure_pairs",
            required={"mloss": read.mloss},
            optional={"tasks": read.names, "metrics": read.names},
            priority=1,
            revision=1,
        ),
        JobType(
            name="pair_merges",
            title="Merges of pairs",
            target=f"{_HERE}.measuring:merge_pairs",
            required={"split": read.words},
            optional={"tasks": read.names, "methods": read.names, "pairs": read.pairs},
            priority=3,
        ),
        JobType(
            name="merged_file",
            title="Merged file",
            target=f"{_HERE}.merged_file:write_merged",
            required={"recipe": read.recipe},
            priority=1,
            writes_file=True,
        ),
        JobType(
            name="baselines",
            title="Baselines",
            target=f"{_HERE}.evaluating:evaluate_baselines",
            required={"split": read.words},
            optional={"tasks": read.names, "limit": read.whole},
            priority=3,
            revision=1,
        ),
        JobType(
            name="tune",
            title="Scale",
            target=f"{_HERE}.evaluating:tune_recipe",
            required={"recipe": read.recipe},
            optional={"limit": read.whole, "choose_by": read.criterion, "images": read.whole, "source": read.words},
            priority=1,
        ),
        JobType(
            name="recipe",
            title="Merge",
            target=f"{_HERE}.evaluating:evaluate_recipe",
            required={"recipe": read.recipe, "split": read.words},
            optional={"tasks": read.names, "limit": read.whole},
            priority=2,
            revision=1,
        ),
        JobType(
            name="whatif",
            title="What if",
            target=f"{_HERE}.whatif:view",
            required={"view": read.words},
            optional={
                "recipe": read.recipe,
                "axes": read.axes,
                "pair": read.pair,
                "criterion": read.words,
                "split": read.words,
                "tasks": read.names,
                "limit": read.whole,
                "steps": read.whole,
                "count": read.whole,
            },
            priority=1,
        ),
        JobType(
            name="live",
            title="What if, live",
            target=f"{_HERE}.whatif:live",
            required={"recipe": read.recipe, "split": read.words},
            optional={"tasks": read.names, "limit": read.whole},
        ),
    )
}
"""All that can be asked for, by name."""


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
