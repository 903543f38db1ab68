"""The types of job, by name, and the parameters of each. A closed list; nothing else runs."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mloss_core.lab.parameters import (
    Reader,
    axes,
    criterion,
    indices,
    mloss,
    model,
    models,
    names,
    number,
    pair,
    pairs,
    recipe,
    whole,
    words,
    zoo,
)

if TYPE_CHECKING:
    from mloss_core.lab.payloads import Payload
    from mloss_core.types import Progress
    from mloss_core.zoo.model import Zoo


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
        return {"zoo": zoo, **self.required, **self.optional}

    def load(self) -> "Callable[[Zoo, Mapping[str, Any], Progress], Payload]":
        """The function that does the work."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)


_HERE = "mloss_core.lab.usecases"
_ABOUT: Mapping[str, Reader] = {"task": words, "models": models, "split": words}
"""Several models on the images of one task."""
JOB_TYPES: dict[str, JobType] = {
    job_type.name: job_type
    for job_type in (
        JobType(name="zoo", title="Opening a zoo", target=f"{_HERE}.opening:summarise", opening=1.0, revision=1),
        JobType(
            name="measure",
            title="M-Loss",
            target=f"{_HERE}.measuring:measure",
            required={"mloss": mloss},
            optional={"tasks": names},
            refers=True,
        ),
        JobType(
            name="node",
            title="One node",
            target=f"{_HERE}.measuring:measure_node",
            required={"mloss": mloss, "block": whole, "node": whole},
            optional={"tasks": names},
        ),
        JobType(
            name="spectra",
            title="Spectra",
            target=f"{_HERE}.measuring:measure_spectra",
            required={"matrix": words},
            optional={"block": whole, "fraction": number, "tasks": names},
        ),
        JobType(
            name="samples",
            title="Images",
            target=f"{_HERE}.opening:draw_samples",
            required={"task": words, "split": words, "indices": indices},
        ),
        JobType(
            name="pictures",
            title="Images",
            target=f"{_HERE}.inspecting:draw_pictures",
            required={"task": words, "split": words, "indices": indices},
        ),
        JobType(
            name="inspect",
            title="Answers",
            target=f"{_HERE}.inspecting:inspect_answers",
            required={"task": words, "a": model, "b": model, "split": words},
            optional={"limit": whole},
            priority=1,
        ),
        JobType(
            name="inspect_calibration",
            title="Calibration",
            target=f"{_HERE}.inspecting:inspect_calibration",
            required=_ABOUT,
            optional={"limit": whole},
            priority=1,
        ),
        JobType(
            name="inspect_features",
            title="Features",
            target=f"{_HERE}.inspecting:inspect_features",
            required=_ABOUT,
            optional={"limit": whole},
            priority=1,
        ),
        JobType(
            name="inspect_blocks",
            title="Blocks",
            target=f"{_HERE}.inspecting:inspect_blocks",
            required=_ABOUT,
            optional={"images": whole},
            priority=1,
        ),
        JobType(
            name="pairs",
            title="Pairs",
            target=f"{_HERE}.measuring:measure_pairs",
            required={"mloss": mloss},
            optional={"tasks": names, "metrics": names},
            priority=1,
            revision=1,
        ),
        JobType(
            name="pair_merges",
            title="Merges of pairs",
            target=f"{_HERE}.measuring:merge_pairs",
            required={"split": words},
            optional={"tasks": names, "methods": names, "pairs": pairs},
            priority=3,
        ),
        JobType(
            name="merged_file",
            title="Merged file",
            target=f"{_HERE}.merged_file:write_merged",
            required={"recipe": recipe},
            priority=1,
            writes_file=True,
        ),
        JobType(
            name="baselines",
            title="Baselines",
            target=f"{_HERE}.evaluating:evaluate_baselines",
            required={"split": words},
            optional={"tasks": names, "limit": whole},
            priority=3,
            revision=1,
        ),
        JobType(
            name="tune",
            title="Scale",
            target=f"{_HERE}.evaluating:tune_recipe",
            required={"recipe": recipe},
            optional={"limit": whole, "choose_by": criterion, "images": whole, "source": words},
            priority=1,
        ),
        JobType(
            name="recipe",
            title="Merge",
            target=f"{_HERE}.evaluating:evaluate_recipe",
            required={"recipe": recipe, "split": words},
            optional={"tasks": names, "limit": whole},
            priority=2,
            revision=1,
        ),
        JobType(
            name="whatif",
            title="What if",
            target=f"{_HERE}.whatif:view",
            required={"view": words},
            optional={
                "recipe": recipe,
                "axes": axes,
                "pair": pair,
                "criterion": words,
                "split": words,
                "tasks": names,
                "limit": whole,
                "steps": whole,
                "count": whole,
            },
            priority=1,
        ),
        JobType(
            name="live",
            title="What if, live",
            target=f"{_HERE}.whatif:live",
            required={"recipe": recipe, "split": words},
            optional={"tasks": names, "limit": whole, "criterion": criterion},
            priority=1,
            revision=1,
        ),
    )
}
"""All that can be asked for, by name."""
