"""A recipe's pre- and post-processors at work."""

from collections.abc import Sequence

from mloss_core.merging.inputs import MergeInputs, MergeRule
from mloss_core.merging.plan import Drop, RowGuide
from mloss_core.merging.processors import AFTER, BEFORE, read_processor


def steps_before(names: Sequence[str]) -> tuple[Drop | RowGuide, ...]:
    """What is done to the task vectors, in order.

    Raises:
        UnknownNameError, InvalidOptionError: see `read_processor`.
    """
    return tuple(read_processor(BEFORE, text)[1].step() for text in names)


def finish(inputs: MergeInputs, rule: MergeRule, names: Sequence[str]) -> MergeRule:
    """The rule with the merged update processed, in order.

    Raises:
        UnknownNameError, InvalidOptionError: see `read_processor`.
    """
    for text in names:
        processor, options = read_processor(AFTER, text)
        rule = processor.function(inputs, options, rule)
    return rule
