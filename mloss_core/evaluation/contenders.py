"""What an accuracy table compares, in one form: the encoders that answer on each task and how they combine."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mloss_core.errors import unknown_name
from mloss_core.evaluation.rows import BASELINE_NAMES, merge_key
from mloss_core.outputs.encoders import as_encoder, task_encoders
from mloss_core.outputs.ensembles import ensemble_features, ensemble_logits, logits
from mloss_core.zoo.model import Encoder, Zoo

Combine = Callable[[Sequence[Tensor], Tensor], Tensor]
"""Features of the encoders (image, embed_dim) each, and a head (class, embed_dim), to logits (image, class)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """A row to be.

    Args:
        key, model, kind, recipe: as in `EvaluationRow`.
        encoders: those that answer on each task.
        combine: how their features become logits. One encoder's are its own under every rule.
    """

    key: str
    model: str
    kind: str
    encoders: Mapping[str, tuple[Encoder, ...]]
    recipe: Mapping[str, Any] | None = None
    combine: Combine = ensemble_logits

    def mean(self, features: Sequence[Tensor]) -> Tensor:
        """One feature an image from those of the encoders, (image, embed_dim): their mean as `combine` takes it."""
        if len(features) == 1 or self.combine is logits_of_mean_features:
            return ensemble_features(features)
        return ensemble_features([torch.nn.functional.normalize(part, dim=-1) for part in features])


def logits_of_mean_features(features: Sequence[Tensor], head: Tensor) -> Tensor:
    """Logits of `ensemble_features`."""
    return logits(ensemble_features(features), head)


def zero_shot(zoo: Zoo) -> Contender:
    """The pretrained encoder."""
    return _baseline("zero_shot", "zero_shot", dict.fromkeys(zoo.tasks, (zoo.pretrained,)))


def individual(zoo: Zoo) -> Contender:
    """Each fine-tuned encoder on its own task."""
    return _baseline("individual", "individual", {task: (zoo.finetuned[task],) for task in zoo.tasks})


def ensemble(zoo: Zoo) -> Contender:
    """All fine-tuned encoders together: mean of their logits."""
    return _baseline("ensemble", "ensemble", dict.fromkeys(zoo.tasks, zoo.sources()))


def feature_ensemble(zoo: Zoo) -> Contender:
    """All fine-tuned encoders together: mean of their raw features."""
    plain = _baseline("ensemble_features", "ensemble", dict.fromkeys(zoo.tasks, zoo.sources()))
    return dataclasses.replace(plain, combine=logits_of_mean_features)


def _baseline(key: str, kind: str, encoders: Mapping[str, tuple[Encoder, ...]]) -> Contender:
    return Contender(key=key, model=BASELINE_NAMES[key], kind=kind, encoders=encoders)


BASELINES: Mapping[str, Callable[[Zoo], Contender]] = {
    "zero_shot": zero_shot,
    "ensemble_features": feature_ensemble,
    "ensemble": ensemble,
    "individual": individual,
}
"""By the name that `as_contender` takes."""


def as_contender(zoo: Zoo, model: Any, name: str | None = None, digest: str | None = None) -> Contender:
    """A contender from whatever stands for a model.

    Args:
        zoo: whose tasks it answers on.
        model: a name of `BASELINES`; a merge result (of one model, or one a task); an `Encoder`; a (name, state dict)
            pair; or a state dict.
        name: instead of the model's own.
        digest: of a state dict's content, where it is known.

    Raises:
        UnknownNameError: a text that names no baseline.
        ZooError: a result with one model a task, of which one is missing.
    """
    if isinstance(model, Contender):
        return model
    if isinstance(model, str):
        if model not in BASELINES:
            raise unknown_name("baseline", model, tuple(BASELINES))
        return BASELINES[model](zoo)
    if isinstance(model, tuple):
        name, model = model
    recipe = getattr(model, "recipe", None)
    facts = None if recipe is None else recipe.to_dict()
    if getattr(model, "per_task", None) is not None:
        encoders = {task: (encoder,) for task, encoder in task_encoders(model, zoo.tasks, name).items()}
        key = merge_key(model.digest if recipe is None else recipe.digest)
        return Contender(key=key, model=name or model.name, kind="per_task", recipe=facts, encoders=encoders)
    encoder = as_encoder(model, name, digest)
    return Contender(
        key=merge_key(encoder.digest if recipe is None else recipe.digest),
        model=name or encoder.name,
        kind="merged",
        recipe=facts,
        encoders=dict.fromkeys(zoo.tasks, (encoder,)),
    )
