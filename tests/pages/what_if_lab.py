"""A lab for tests of What-if: a tiny zoo whose live states and measurements are real, and there at once."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from mloss_core.caching import digest_of
from mloss_core.lab.live.mailbox import LiveRequest
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.whatif import Workbench, live_states
from mloss_core.whatif.views import measure_view
from tests.pages.merge_lab import LAYERS, FakeLab
from tests.zoos import tiny_zoo

ZOO = tiny_zoo(3, layers=LAYERS)
BENCH = Workbench(ZOO)
FEW = 8
_DONE: dict[str, Any] = {}


def few_mloss(recipe: Recipe) -> Recipe:
    """The recipe with M-Loss on as many images as the tiny zoo has."""
    return recipe.replace(mloss=MLossOptions(samples_per_task=4))


class FakeMailbox:
    """Answers live requests with one real state after the other; with `error` with that sentence, with `mute` never."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.error, self.mute = "", False
        self._states: dict[str, list[dict[str, Any]]] = {}

    def ask(self, window: str, params: Mapping[str, Any], device: str) -> LiveRequest:
        self.asked.append(params)
        request = LiveRequest(window, str(len(self.asked)), params, device, 0.0)
        recipe = few_mloss(Recipe.from_dict(params["recipe"]))
        criterion = params.get("criterion", "validation")
        states = live_states(BENCH, recipe, split=params["split"], criterion=criterion, limit=FEW)
        failed = [{"stage": "failed", "final": True, "error": self.error}]
        self._states[request.token] = failed if self.error else [state for state in states if state]
        return request

    def state(self, request: LiveRequest) -> dict[str, Any] | None:
        if self.mute:
            return None
        left = self._states[request.token]
        return left.pop(0) if len(left) > 1 else left[0]


class WhatIfLab(FakeLab):
    """`FakeLab` for the tiny zoo, whose what-if jobs are done for real on few images."""

    def __init__(self, **rest: Any) -> None:
        super().__init__(**rest)
        self.tasks, self.box = ZOO.tasks, FakeMailbox()

    def install(self, monkeypatch: Any) -> "WhatIfLab":
        super().install(monkeypatch)
        monkeypatch.setattr("ui.what_if.live.mailbox", lambda: self.box)
        store = SimpleNamespace(ensure_worker=lambda device: None, root="fake")
        monkeypatch.setattr("ui.jobs.store", lambda: store)
        return self

    def _live(self, params: dict[str, Any]) -> Any:
        recipe = few_mloss(Recipe.from_dict(params["recipe"]))
        states = live_states(BENCH, recipe, split=params["split"], limit=FEW, whole=True)
        return SimpleNamespace(meta=[state for state in states if state][-1], arrays={})

    def _whatif(self, params: dict[str, Any]) -> Any:
        key = digest_of(params)
        if key not in _DONE:
            _DONE[key] = self._done(params)
        return _DONE[key]

    def _done(self, params: dict[str, Any]) -> Any:
        given = {name: params[name] for name in params if name not in ("zoo", "view", "recipe", "limit", "steps")}
        recipe = few_mloss(Recipe.from_dict(params["recipe"])) if "recipe" in params else None
        found = measure_view(ZOO, params["view"], recipe, limit=4, steps=3, **given)
        return SimpleNamespace(meta={"view": params["view"], **found}, arrays={})
