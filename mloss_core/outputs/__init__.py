"""What encoders say about images: features, logits under zero-shot heads, ensembles, alignment to the Ensemble."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mloss_core.outputs.agreement import alignment
    from mloss_core.outputs.encoders import as_encoder
    from mloss_core.outputs.encoding import features, features_of_many
    from mloss_core.outputs.ensembles import ensemble_features, ensemble_logits, logits

__all__ = [
    "alignment", "as_encoder", "ensemble_features", "ensemble_logits", "features", "features_of_many", "logits",
]  # fmt: skip

_HOMES = {
    "alignment": "agreement", "as_encoder": "encoders", "ensemble_features": "ensembles",
    "ensemble_logits": "ensembles", "features": "encoding", "features_of_many": "encoding", "logits": "ensembles",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
