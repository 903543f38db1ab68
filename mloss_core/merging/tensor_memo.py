"""Tensors of earlier merges, for a recipe of which one option changes at a time: only what changed is merged again."""

import dataclasses
from collections import OrderedDict
from collections.abc import Callable

from mloss_core.merging.inputs import MergedTensor, MergeRule

LIMIT = 256 * 2**20
"""Bytes that kept updates may take together; those used least recently go first."""


class TensorMemo:
    """Merged updates by the models, the tensor's name and all that its update depends on. For one thread at a time.

    Args:
        limit: bytes of all updates together.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._kept: OrderedDict[tuple[str, str, str], MergedTensor] = OrderedDict()
        self._size = 0

    def kept(self, rule: MergeRule, models: str) -> MergeRule:
        """The rule, which now merges no tensor that is kept; itself where it does not say what its tensors depend on.

        Args:
            models: digest of the models in their order.
        """
        if rule.identity is None:
            return rule
        return dataclasses.replace(rule, tensor=self._remembering(rule.tensor, rule.identity, models))

    def _remembering(
        self, merge: Callable[[str], MergedTensor], identity: Callable[[str], str], models: str
    ) -> Callable[[str], MergedTensor]:
        def tensor(key: str) -> MergedTensor:
            name = (models, key, identity(key))
            if name not in self._kept:
                self._keep(name, merge(key))
            self._kept.move_to_end(name)
            return self._kept[name]

        return tensor

    def _keep(self, name: tuple[str, str, str], merged: MergedTensor) -> None:
        self._kept[name] = merged
        self._size += merged.update.nbytes
        while self._size > self.limit and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._size -= gone.update.nbytes
