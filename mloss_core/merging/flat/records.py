"""Records of the flat methods, in the order in which people meet them. Imports no torch."""

from mloss_core.merging.flat import average, dare, m_dare, m_ties, task_arithmetic, ties
from mloss_core.merging.record import Method

METHODS: tuple[Method, ...] = tuple(module.METHOD for module in (average, task_arithmetic, ties, dare, m_ties, m_dare))
