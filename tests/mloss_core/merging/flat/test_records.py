"""Each named method is one row of guide x sparsifier x consensus x scale."""

import pytest

from mloss_core.merging.flat.average import AverageOptions
from mloss_core.merging.flat.dare import DareOptions
from mloss_core.merging.flat.m_dare import MDareOptions
from mloss_core.merging.flat.m_ties import MTiesOptions
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.flat.task_arithmetic import TaskArithmeticOptions
from mloss_core.merging.flat.ties import TiesOptions
from mloss_core.merging.sparsifiers.steps import Drop, RowGuide, Trim

GUIDE = RowGuide(keep_rate=0.8, span=0.1, ranking="rank", schedule="one_sided")


@pytest.mark.parametrize(
    ("options", "plan"),
    [
        (AverageOptions(), FlatPlan(consensus="mean")),
        (TaskArithmeticOptions(), FlatPlan(consensus="sum", scale=0.3)),
        (TiesOptions(), FlatPlan(steps=(Trim(0.2, "global", "moving"),), consensus="elect")),
        (DareOptions(), FlatPlan(steps=(Drop(0.7),), consensus="mean")),
        (DareOptions(then="elect", scale=0.5), FlatPlan(steps=(Drop(0.7),), consensus="elect", scale=0.5)),
        (DareOptions(then="ties"), FlatPlan(steps=(Drop(0.7), Trim(0.2, "global")), consensus="elect")),
        (MTiesOptions(), FlatPlan(steps=(Trim(0.8, "tensor"),), guide=GUIDE, consensus="elect")),
        (MTiesOptions(others="none"), FlatPlan(guide=GUIDE, consensus="elect")),
        (
            MDareOptions(others="global"),
            FlatPlan(
                steps=(Drop(0.8),),
                consensus="elect",
                guide=RowGuide(keep_rate=0.8, span=0.1, ranking="rank", schedule="one_sided", rule="bernoulli"),
            ),
        ),
    ],
)
def test_the_plan_of_each_method(options, plan):
    assert options.plan() == plan


def test_a_plan_knows_whether_it_drops_anything():
    for options in (
        AverageOptions(),
        TaskArithmeticOptions(),
        TiesOptions(keep_rate=1),
        MTiesOptions(keep_rate=1, span=0),
    ):
        assert options.plan().keeps_everything
    for options in (TiesOptions(), DareOptions(), MTiesOptions(keep_rate=1), MTiesOptions(span=0)):
        assert not options.plan().keeps_everything
