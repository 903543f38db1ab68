"""What a flat merge does, as data: guide, sparsifiers, consensus, scale."""

import dataclasses

from mloss_core.merging.sparsifiers.steps import Drop, Outliers, RowGuide, Trim


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlatPlan:
    """A flat merge: sparsify each task vector, reach a consensus over models, scale it.

    Args:
        steps: sparsifiers of every tensor that the guide does not take, in order.
        guide: None, or what prunes the scored weights instead of `steps`.
        first: sparsifiers of every tensor, before `steps` and before the guide.
        consensus: `sum`, `mean`, `elect` (elected sign, then mean of the entries that agree), `elect_sum` (their sum
            instead), `elect_largest` (the largest of them), or `largest` (the entry of largest magnitude).
        scale: factor of the update (papers' lambda).
    """

    steps: tuple[Trim | Drop, ...] = ()
    guide: RowGuide | None = None
    first: tuple[Outliers, ...] = ()
    consensus: str = "mean"
    scale: float = 1.0

    @property
    def keeps_everything(self) -> bool:
        """Whether no entry of a task vector is ever dropped."""
        guide = self.guide
        guided = guide is None or (guide.keep_rate == 1 and (guide.span == 0 or guide.ranking == "none"))
        return guided and all(step.keep_rate == 1 for step in (*self.first, *self.steps))
