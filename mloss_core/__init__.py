"""M-Loss Lab: where fine-tuned image encoders disagree, what merging them does, how close it comes to the Ensemble.

    zoo = open_zoo("demo")
    report = measure_mloss(zoo)
    result = merge(zoo, Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.1}, blocks=(8, 9, 10)))
    table = evaluate(zoo, [result])

Names load on first use: importing the package imports no torch.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mloss_core.evaluation import evaluate
    from mloss_core.merging import merge, merge_state_dicts
    from mloss_core.mloss import measure_mloss
    from mloss_core.recipe import MLossOptions, Recipe
    from mloss_core.zoo import open_zoo

__version__ = "0.1.0"
__all__ = [
    "MLossOptions", "Recipe", "__version__", "evaluate", "measure_mloss", "merge", "merge_state_dicts", "open_zoo",
]  # fmt: skip

_HOMES = {
    "MLossOptions": "recipe", "Recipe": "recipe", "evaluate": "evaluation", "measure_mloss": "mloss",
    "merge": "merging", "merge_state_dicts": "merging", "open_zoo": "zoo",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
