"""The plane of a pair: theta_0 + a tau_1 + b tau_2, with usual merges as points and the barrier between both models."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.errors import InvalidOptionError
from mloss_core.lazy_state import LazyState
from mloss_core.merging import MergeResult
from mloss_core.merging.results import apply_update
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import moving_keys, task_vector
from mloss_core.types import Progress, part, silent
from mloss_core.whatif.axes import spread
from mloss_core.whatif.measures import Measure, Point
from mloss_core.zoo.model import Zoo

STEPS = 11
_USUAL: tuple[tuple[str, Recipe], ...] = (
    ("Simple Average", Recipe(method="average")),
    ("Task Arithmetic", Recipe(method="task_arithmetic")),
    ("TIES", Recipe(method="ties")),
    ("TSV-M", Recipe(method="tsv_m")),
    ("ACTMat", Recipe(method="actmat")),
)


def plane(
    measure: Measure,
    pair: Sequence[str],
    *,
    low: float = 0.0,
    high: float = 1.0,
    steps: int = STEPS,
    progress: Progress = silent,
) -> dict[str, Any]:
    """A criterion over theta_0 + a tau_1 + b tau_2, by each of both tasks and their mean.

    Args:
        measure: of the pair's tasks alone.
        pair: names of two models.
        low, high, steps: of both factors.
        progress: told after each cell; may raise to stop.

    Returns:
        factors (both axes); points, b running fastest, each with its factors, value, standard_error and tasks; merges,
        each with its name, where it lies (`factors`, for merges beside the plane the nearest point, with `off_plane`,
        the share of the update's length that leaves the plane) and its own value; `line`, from the first model to the
        second; `barrier`, how far the line's lowest point lies below the straight line between its ends (0 where it
        does not), with the `factors` of that point; facts of the measure; seconds.

    Raises:
        InvalidOptionError: not two different models. UnknownNameError: a model that the zoo lacks.
    """
    started = time.perf_counter()
    if len(set(pair)) != 2 or len(pair) != 2:
        raise InvalidOptionError(f"a plane is spanned by two different models; found {', '.join(pair)}.")
    axis = spread("factor", low, high, steps).values
    models = _Pair(measure, pair)
    points, count = [], len(axis) ** 2
    for place, factors in enumerate((a, b) for a in axis for b in axis):
        progress(0.9 * place / count, f"{factors[0]:g} {pair[0]}, {factors[1]:g} {pair[1]}")
        points.append({"factors": list(factors), **models.at(*factors).to_dict()})
    line = [(1 - t / 10, t / 10) for t in range(11)]
    along = [{"factors": [round(x, 6) for x in at], **models.at(*at).to_dict()} for at in line]
    merges = models.usual(part(progress, 0.9, 1.0))
    return {
        "pair": list(pair),
        "factors": list(axis),
        "points": points,
        "line": along,
        "barrier": barrier(along),
        "merges": merges,
        **measure.facts(),
        "seconds": time.perf_counter() - started,
    }


def barrier(line: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How far the path between two models dips below the straight line between its ends.

    Args:
        line: points from one model to the other, equally spaced, with `value`.

    Example:
        Values 0.8, 0.5, 0.6: the straight line is 0.7 in the middle, so the barrier is 0.2.
    """
    first, last, count = line[0]["value"], line[-1]["value"], len(line) - 1
    dips = [first + (last - first) * place / count - point["value"] for place, point in enumerate(line)]
    deepest = max(range(len(dips)), key=lambda place: (dips[place], -place))
    return {"height": max(0.0, dips[deepest]), "factors": line[deepest]["factors"]}


class _Pair:
    """Both models' task vectors, and models of their plane judged."""

    def __init__(self, measure: Measure, pair: Sequence[str]) -> None:
        self.measure, self.zoo = measure, measure.bench.zoo
        self.first, self.second = self.zoo.sources((pair[0],))[0], self.zoo.sources((pair[1],))[0]
        self.pair, self.base = tuple(pair), self.zoo.pretrained.weights
        self.moving = frozenset(moving_keys(self.base, [self.first.weights, self.second.weights]))
        self._points: dict[tuple[float, float], Point] = {}

    def at(self, a: float, b: float) -> Point:
        """The model at these factors; corners are the models themselves, free of rounding."""
        a, b = round(a, 6), round(b, 6)
        if (a, b) not in self._points:
            corners = {(0.0, 0.0): self.zoo.pretrained, (1.0, 0.0): self.first, (0.0, 1.0): self.second}
            corner = corners.get((a, b))
            if corner is not None:
                found = self.measure.of_weights(corner.weights, corner.digest, corner.name)
            elif a == b:
                diagonal = Recipe(method="task_arithmetic", options={"scale": a}, tasks=self._ordered)
                found = self.measure.of(diagonal)
            else:
                digest = digest_of("plane", self.zoo.pretrained.digest, self.first.digest, self.second.digest, a, b)
                found = self.measure.of_weights(self._weights(a, b), digest, f"{a:g}, {b:g}")
            self._points[a, b] = found
        return self._points[a, b]

    @property
    def _ordered(self) -> tuple[str, ...]:
        return self.zoo.check_tasks(self.pair)

    def _weights(self, a: float, b: float) -> LazyState:
        def read(key: str) -> Tensor:
            base = self.base[key].detach()
            if key not in self.moving:
                return base.clone()
            update = a * task_vector(self.base, self.first.weights, key)
            return apply_update(base, update + b * task_vector(self.base, self.second.weights, key), 1.0)

        return LazyState(self.base, read)

    def usual(self, progress: Progress) -> list[dict[str, Any]]:
        """Usual merges of both models, and where they lie."""
        found = []
        for place, (name, recipe) in enumerate(_USUAL):
            progress(place / len(_USUAL), name)
            result = self.measure.bench.merged(recipe.replace(tasks=self._ordered))
            a, b, off = nearest(self.zoo, result, self.pair)
            point = self.measure.of_result(result)
            found.append({"name": name, "factors": [a, b], "off_plane": off, **point.to_dict()})
        return found


@torch.no_grad()
def nearest(zoo: Zoo, result: MergeResult, pair: Sequence[str]) -> tuple[float, float, float]:
    """The point of the plane nearest to a merge, by least squares over all weights.

    Returns:
        Both factors, and the share of the update's length that leaves the plane, 0 to 1.
    """
    base, states = zoo.pretrained.weights, [zoo.finetuned[name].weights for name in pair]
    gram, mixed, length = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64), 0.0
    for key in result.update:
        update = (result.scale * result.update[key].double()).reshape(-1)
        vectors = torch.stack([task_vector(base, state, key).double().reshape(-1) for state in states])
        gram, mixed, length = gram + vectors @ vectors.T, mixed + vectors @ update, length + float(update @ update)
    factors = torch.linalg.lstsq(gram, mixed.unsqueeze(1)).solution.reshape(-1)
    inside = float(factors @ gram @ factors)
    off = max(0.0, 1 - inside / length) ** 0.5 if length else 0.0
    return float(factors[0]), float(factors[1]), off
