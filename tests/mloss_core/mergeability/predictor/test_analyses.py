import numpy as np
import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.predictor import ablations, added_value, cross_validate, prepare, single_metrics, stability
from tests.mloss_core.mergeability.predictor.made_tables import made_table


def test_a_category_is_left_out_completely():
    frame = made_table(9, noise=0.005).rename(
        columns={"good": "activation_dot_product", "bad": "activation_l2_distance", "idle": "stable_rank"}
    )
    result = cross_validate(frame, None, "normacc_ties")
    found = {one.category: one for one in ablations(result)}
    without = cross_validate(frame, ["stable_rank"], "normacc_ties")
    (most,) = [one for one in found.values() if "activation_dot_product" in one.metrics]
    assert most.metrics == ("activation_dot_product", "activation_l2_distance")
    assert most.headline == pytest.approx(without.headline)
    assert most.change == pytest.approx(without.headline - result.headline) and most.change < -0.5
    assert most.standard_error > 0


def test_the_only_category_leaves_nothing():
    (only,) = ablations(cross_validate(made_table(6), None, "normacc_ties"))
    assert only.category == "other" and np.isnan(only.change)


def test_every_metric_alone():
    problem = prepare(made_table(9), None, "normacc_ties")
    good, *rest = single_metrics(problem, permutations=199)
    assert good.metric == "good" and good.n == 36 and good.p == pytest.approx(1 / 200) == good.p_family
    assert all(one.p_family >= one.p for one in rest)
    assert good.pearson == pytest.approx(np.corrcoef(problem.values[:, 0], problem.target.values)[0, 1])


def test_pairs_that_share_tasks_are_not_taken_for_independent():
    """A metric and a target that are both sums of independent numbers of tasks: shuffling pairs would find something in
    most tables, renaming tasks in as many as chance allows."""
    from scipy.stats import pearsonr

    by_task, naive = [], []
    for seed in range(40):
        random = np.random.default_rng(seed)
        frame = made_table(10)
        one, other = (
            dict(zip([f"t{number}" for number in range(10)], random.standard_normal(10), strict=True)) for _ in range(2)
        )
        frame["good"] = frame["task_a"].map(one) + frame["task_b"].map(one)
        frame["normacc_ties"] = frame["task_a"].map(other) + frame["task_b"].map(other)
        (found,) = single_metrics(prepare(frame, ["good"], "normacc_ties"), permutations=99, seed=seed)
        by_task.append(found.p)
        naive.append(pearsonr(frame["good"], frame["normacc_ties"])[1])
    assert np.mean(np.array(naive) < 0.05) > 0.2
    assert np.mean(np.array(by_task) < 0.05) < 0.15


def test_p_values_do_not_mind_missing_pairs():
    frame = made_table(9)
    frame.loc[::5, "normacc_ties"] = np.nan
    frame.loc[1, "good"] = np.nan
    found = single_metrics(prepare(frame, None, "normacc_ties", impute=True), permutations=99)
    assert found[0].metric == "good" and found[0].p == 0.01 and found[0].n == 27


def test_what_metrics_add():
    problem = prepare(made_table(9, noise=0.005), None, "normacc_ties")
    helpful, idle = (added_value(problem, [name], permutations=19) for name in ("good", "idle"))
    assert helpful.change > 0.3 and helpful.p == 0.05
    assert abs(idle.change) < 0.05 and idle.p > 0.05
    with pytest.raises(InvalidOptionError, match="besides others"):
        added_value(problem, ["good", "bad", "idle"])


def test_more_tasks_make_it_steadier():
    found = stability(prepare(made_table(10, noise=0.02), None, "normacc_ties"), sizes=(5, 10), seeds=(0, 1, 2))
    assert found["pairs"].tolist() == [10, 10, 10, 45, 45, 45]
    few, all_of_them = found.groupby("tasks")["headline"].std()
    assert few > all_of_them == 0
