"""A lab that answers the Inspect page at once: made-up answers, the library's own records."""

from types import SimpleNamespace
from typing import Any

import numpy as np

from mloss_core.evaluation.inspection.answers import Answers, Inspection
from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity
from mloss_core.evaluation.inspection.calibration import reliability
from mloss_core.evaluation.inspection.projection import Projection
from mloss_core.evaluation.rows import BASELINE_NAMES, merge_key
from mloss_core.recipe import Recipe
from tests.pages.merge_lab import LAYERS, FakeLab

CLASSES = ("one", "two", "three")
IMAGES = 90
RIGHT = {"zero_shot": 0.4, "ensemble": 0.6, "ensemble_features": 0.6, "individual": 0.95}


def facts(model: Any) -> dict[str, Any]:
    """Key, model and kind of what a request names."""
    if isinstance(model, str):
        return {"key": model, "model": BASELINE_NAMES[model], "kind": model.removesuffix("_features")}
    recipe = Recipe.from_dict(model)
    return {"key": merge_key(recipe.digest), "model": recipe.method, "kind": "merged", "recipe": model}


class InspectLab(FakeLab):
    """Answers drawn by the models' names.

    Args:
        labels: whether the images have labels.
    """

    def __init__(self, *args: Any, labels: bool = True, **more: Any) -> None:
        super().__init__(*args, **more)
        self.labels = labels

    def _answers(self, model: Any, truth: np.ndarray) -> Answers:
        known = facts(model)
        draw = np.random.default_rng(len(known["key"]) + 7 * len(known["model"]))
        share = RIGHT.get(known["key"], 0.7)
        right = draw.random(len(truth)) < share
        predicted = np.where(right, truth, (truth + 1) % len(CLASSES)).astype(np.int32)
        margin = np.where(right | (not self.labels), 1, -1) * draw.uniform(0.1, 3, len(truth))
        return Answers(
            **known, predicted=predicted, margin=margin.astype(np.float32), confidence=draw.uniform(0.4, 1, len(truth))
        )

    def _inspect(self, params: dict[str, Any]) -> Any:
        truth = (np.arange(min(IMAGES, params.get("limit", IMAGES))) % len(CLASSES)).astype(np.int32)
        found = Inspection(
            task=params["task"],
            split=params["split"],
            classes=CLASSES,
            a=self._answers(params["a"], truth),
            b=self._answers(params["b"], truth),
            truth=truth if self.labels else None,
            index=np.arange(len(truth), dtype=np.int32),
            files=() if self.labels else tuple(f"photos/{number}.jpg" for number in range(len(truth))),
        )
        return self._entry(found)

    def _pictures(self, params: dict[str, Any]) -> Any:
        return SimpleNamespace(meta={}, arrays={"pixels": np.zeros((len(params["indices"]), 8, 8, 3), np.uint8)})

    def _inspect_calibration(self, params: dict[str, Any]) -> Any:
        draw = np.random.default_rng(0)
        confidence = draw.uniform(0.3, 1, 200)
        curves = []
        for model in params["models"]:
            known = {name: facts(model)[name] for name in ("key", "model", "kind")}
            curves.append(reliability(confidence, draw.random(200) < confidence - 0.15, **known).to_dict())
        return SimpleNamespace(meta={"curves": curves}, arrays={})

    def _inspect_features(self, params: dict[str, Any]) -> Any:
        models, truth = params["models"], (np.arange(IMAGES) % len(CLASSES)).astype(np.int32)
        found = Projection(
            models=tuple({name: facts(model)[name] for name in ("key", "model", "kind")} for model in models),
            points=np.random.default_rng(0).normal(size=(len(models), IMAGES, 2)).astype(np.float32),
            explained=tuple([0.4] * len(models)),
            image=np.arange(IMAGES, dtype=np.int32),
            truth=truth if self.labels else None,
            predicted=np.tile(truth, (len(models), 1)),
            images=IMAGES,
        )
        return self._entry(found)

    def _inspect_blocks(self, params: dict[str, Any]) -> Any:
        single = [facts(model) for model in params["models"] if model not in ("ensemble", "individual")]
        found = BlockSimilarity(
            models=tuple({name: one[name] for name in ("key", "model", "kind")} for one in single),
            blocks=tuple(range(LAYERS)),
            cka=np.tile(np.linspace(0.95, 0.7, LAYERS), (len(single), 1)),
            cka_error=np.full((len(single), LAYERS), 0.01),
            gap=np.tile(np.linspace(1e-4, 9e-4, LAYERS), (len(single), 1)),
            gap_error=np.full((len(single), LAYERS), 1e-5),
            images=256,
        )
        return self._entry(found)

    @staticmethod
    def _entry(found: Any) -> Any:
        meta, arrays = found.to_entry()
        return SimpleNamespace(meta=meta, arrays=arrays)
