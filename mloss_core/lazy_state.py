"""A state dict whose tensors are computed when they are read."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from torch import Tensor


class LazyState(Mapping[str, Tensor]):
    """Tensors by name, each computed anew whenever it is read, so that none of them is held in memory.

    Args:
        keys: the names, in their order.
        read: gives the tensor of a name; it is asked for these names alone. In a class that derives from this one it
            must not hold the object itself: a cycle would keep what it holds until the next collection of garbage.

    Example:
        >>> state = LazyState(("w", "b"), lambda key: 2 * update[key])
    """

    def __init__(self, keys: Iterable[str], read: Callable[[str], Tensor]) -> None:
        self._keys, self._read = dict.fromkeys(keys), read

    def __getitem__(self, key: str) -> Tensor:
        if key not in self._keys:
            raise KeyError(key)
        return self._read(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._keys
