"""What encoders say about images: features, logits under zero-shot heads, ensembles, alignment to the Ensemble."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.outputs.agreement import alignment
    from mloss_core.outputs.encoders import as_encoder
    from mloss_core.outputs.encoding import features, features_of_many
    from mloss_core.outputs.ensembles import ensemble_features, ensemble_logits, logits

__all__ = ["alignment", "as_encoder", "ensemble_features", "ensemble_logits", "features", "features_of_many", "logits"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "agreement": ("alignment",),
        "encoders": ("as_encoder",),
        "ensembles": ("ensemble_features", "ensemble_logits", "logits"),
        "encoding": ("features", "features_of_many"),
    },
)
