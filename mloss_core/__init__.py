"""M-Loss Lab: where fine-tuned image encoders disagree, what merging them does, how close it comes to the Ensemble.

    zoo = open_zoo("demo")
    report = measure_mloss(zoo)
    result = merge(zoo, Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.1}, blocks=(8, 9, 10)))
    table = evaluate(zoo, [result])

Names load on first use: importing the package imports no torch. Import it before torch where other programs use the
processor too: it then has torch's threads sleep while they wait for each other, see `mloss_core.waiting`.
"""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names
from mloss_core.waiting import wait_asleep

if TYPE_CHECKING:
    from mloss_core.evaluation import evaluate
    from mloss_core.merging import merge, merge_state_dicts
    from mloss_core.mloss import measure_mloss
    from mloss_core.opening import open_zoo
    from mloss_core.recipe import MLossOptions, Recipe

__version__ = "0.1.0"
__all__ = [
    "MLossOptions",
    "Recipe",
    "__version__",
    "evaluate",
    "measure_mloss",
    "merge",
    "merge_state_dicts",
    "open_zoo",
]

wait_asleep()

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "recipe": ("MLossOptions", "Recipe"),
        "evaluation": ("evaluate",),
        "mloss": ("measure_mloss",),
        "merging": ("merge", "merge_state_dicts"),
        "opening": ("open_zoo",),
    },
)
