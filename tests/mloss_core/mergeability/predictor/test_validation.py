import math

import numpy as np
import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.mergeability import cross_validate
from mloss_core.mergeability.predictor import report
from mloss_core.mergeability.predictor.solvers import SOLVERS
from tests.mloss_core.mergeability.predictor.made_tables import made_table


def test_an_exact_relation_is_found():
    for protocol in ("loto", "l2to", "disjoint"):
        result = cross_validate(made_table(8), None, "normacc_ties", protocol, "ols")
        assert result.headline == pytest.approx(1.0) and result.scores.pooled == pytest.approx(1.0)
        assert result.scores.lost == pytest.approx(0.0, abs=1e-12)
        assert result.metrics == ("good", "bad", "idle")
    guess = result.predictions()
    assert guess["predicted"].to_numpy() == pytest.approx(guess["measured"].to_numpy())


def test_scaling_sees_training_rows_alone():
    """Adding an outlier to one task's pairs must not change the predictions of the fold that leaves it out, apart from
    its own rows."""
    frame = made_table(7, noise=0.01)
    spoilt = frame.copy()
    mine = (spoilt["task_a"] == "t3") | (spoilt["task_b"] == "t3")
    spoilt.loc[mine, ["normacc_ties", "acc_ties"]] += 5.0
    fold = [
        result.outcomes[3]
        for result in (cross_validate(frame, None, "normacc_ties"), cross_validate(spoilt, None, "normacc_ties"))
    ]
    assert fold[0].predicted == pytest.approx(fold[1].predicted)
    assert fold[1].measured == pytest.approx(fold[0].measured + 5.0)


def test_a_fold_is_what_scikit_learn_makes_of_it():
    from sklearn.linear_model import Ridge

    frame = made_table(7, noise=0.02)
    outcome = cross_validate(frame, None, "normacc_ties", solver="ridge", alpha=0.5).outcomes[2]
    train, held = (
        frame.loc[rows, ["good", "bad", "idle"]].to_numpy() for rows in (outcome.fold.train, outcome.fold.validate)
    )
    low, high = train.min(axis=0), train.max(axis=0)
    scaled, target = (2 * (part - low) / (high - low) - 1 for part in (train, held)), frame["normacc_ties"].to_numpy()
    known = target[outcome.fold.train]
    train, held = scaled
    model = Ridge(alpha=0.5).fit(train, (known - known.mean()) / known.std())
    assert outcome.predicted == pytest.approx(known.mean() + known.std() * model.predict(held))
    assert outcome.measured == pytest.approx(target[outcome.fold.validate])


def test_what_is_measured_is_no_metric():
    result = cross_validate(made_table(6), None, "normacc_ties")
    assert not {"acc_ties", "acc_a_ties"} & set(result.metrics)
    for name in ("acc_ties", "normacc_ties"):
        with pytest.raises(InvalidOptionError, match=f"{name} was measured after merging"):
            cross_validate(made_table(6), ["good", name], "normacc_ties")


def test_the_order_of_rows_and_of_the_two_tasks_changes_nothing():
    frame = made_table(7, noise=0.02)
    turned = frame.copy()
    sides = [("task_a", "task_b"), ("acc_a_ties", "acc_b_ties")]
    for one, other in sides:
        turned.loc[::2, [one, other]] = frame.loc[::2, [other, one]].to_numpy()
    mixed = turned.sample(frac=1, random_state=0)
    a, b = (cross_validate(part, None, "normacc_ties") for part in (frame, mixed))
    by_task = {fold.label: fold.pearson for fold in b.scores.folds}
    assert [by_task[fold.label] for fold in a.scores.folds] == pytest.approx(
        [f.pearson for f in a.scores.folds], abs=1e-6
    )
    assert b.scores.lost == pytest.approx(a.scores.lost)


def test_baselines_are_beside_it_or_say_why_not():
    frame = made_table(7).assign(mloss=lambda table: -table["good"])
    result = cross_validate(frame, ["good", "bad", "idle"], "normacc_ties")
    assert set(result.baselines) == {
        "sum_of_individual_accuracies",
        "additive_task_effects",
        "best_single_metric",
        "mloss_alone",
    }
    assert result.baselines["mloss_alone"].mean_pearson == pytest.approx(
        result.baselines["best_single_metric"].mean_pearson
    )
    apart = cross_validate(frame, ["good"], "normacc_ties", "disjoint")
    assert apart.unavailable == {"additive_task_effects": "unavailable for unseen tasks"}
    blind = cross_validate(made_table(7)[["task_a", "task_b", "good", "acc_ties"]], None, "acc_ties")
    assert set(blind.unavailable) == {"sum_of_individual_accuracies", "mloss_alone"}


def test_raw_accuracy_is_mostly_the_sum_of_its_parts():
    frame = made_table(12, noise=0.0)
    frame["acc_ties"] = 0.9 * frame["acc_ties"] / frame["normacc_ties"]
    frame["acc_a_ties"], frame["acc_b_ties"] = (
        0.9 * frame[side] / frame["normacc_ties"] for side in ("acc_a_ties", "acc_b_ties")
    )
    frame["normacc_ties"] = 0.9
    result = cross_validate(frame, None, "acc_ties")
    for name in ("sum_of_individual_accuracies", "additive_task_effects"):
        assert result.baselines[name].mean_pearson == pytest.approx(1.0)
    assert result.scores.mean_pearson < 0.7


def test_the_residual_is_what_tasks_do_not_explain():
    frame = made_table(10)
    effects = {f"t{number}": 0.3 * number for number in range(10)}
    frame["normacc_ties"] += frame["task_a"].map(effects) + frame["task_b"].map(effects)
    frame = frame.drop(columns=["acc_ties", "acc_a_ties", "acc_b_ties"])
    raw, residual = (
        cross_validate(frame, ["good", "bad"], f"{kind}_ties", solver="ols") for kind in ("normacc", "residual")
    )
    assert raw.headline < 0.5 < 0.85 < residual.headline
    assert "additive_task_effects" in residual.unavailable
    for outcome in residual.outcomes:
        assert outcome.measured.mean() == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InvalidOptionError, match="residual needs the effects of tasks that are in training"):
        cross_validate(frame, None, "residual_ties", "disjoint")


def test_missing_metrics():
    frame = made_table(8)
    frame.loc[[1, 4], "good"] = np.nan
    frame["hollow"], frame["flat"] = np.where(np.arange(28) < 5, 1.0 * np.arange(28), np.nan), 2.0
    result = cross_validate(frame, None, "normacc_ties")
    assert len(result.problem.target.values) == 26 and result.metrics == ("good", "bad", "idle")
    assert result.problem.dropped == {
        "hollow": "it is missing for 82 % of the pairs",
        "flat": "it is the same for every pair",
    }
    assert "2 pairs without good: left out (t0 with t2 and 1 more)." in result.notes
    filled = cross_validate(frame, ["good", "bad", "idle"], "normacc_ties", impute=True)
    assert len(filled.problem.target.values) == 28 and filled.metrics == ("good", "bad", "idle")
    assert all(len(outcome.coefficients) == 4 for outcome in filled.outcomes)
    assert set(filled.coefficients()) == {"good", "bad", "idle"}


def test_methods_compare_on_the_same_pairs_unless_told_otherwise():
    frame = made_table(7)
    for column in ("acc", "normacc", "acc_a", "acc_b"):
        frame[f"{column}_tsv"] = frame[f"{column}_ties"]
    frame.loc[0, ["acc_tsv", "normacc_tsv"]] = np.nan
    common, own = (cross_validate(frame, None, "normacc_ties", rows=rows) for rows in ("common", "own"))
    assert len(common.problem.target.values) == 20 and len(own.problem.target.values) == 21
    assert any("another method was not measured" in note for note in common.notes)


def test_the_report_is_plain_and_complete():
    found = report(cross_validate(made_table(7), None, "normacc_ties"))
    assert {
        "target",
        "solver",
        "protocol",
        "rows",
        "metrics",
        "folds",
        "mean_pearson",
        "fisher_z",
        "sd",
        "pooled",
        "baselines",
        "coefficients",
        "selection_rate",
        "lost_points",
    } <= set(found)
    assert found["rows"] == 21 and found["folds"][0]["task"] == "t0" and found["folds"][0]["n_train"] == 15
    assert found["baselines"]["mloss_alone"] is None and "mloss_alone" in found["unavailable"]
    pairs = report(cross_validate(made_table(7), None, "normacc_ties", "l2to"))
    assert pairs["headline"] == "pooled" and math.isnan(pairs["mean_pearson"]) and pairs["pooled"] > 0.9


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_every_solver_finds_a_strong_relation(solver):
    result = cross_validate(made_table(9, noise=0.002), None, "normacc_ties", solver=solver)
    assert result.headline > 0.85
    assert (result.coefficients() is None) == (solver == "mlp")


def test_a_nested_penalty_is_chosen_without_the_task_that_is_left_out():
    frame = made_table(9, noise=0.03)
    result = cross_validate(frame, None, "normacc_ties", alpha="nested")
    grid = SOLVERS["lasso"].grid
    assert {outcome.alpha for outcome in result.outcomes} <= set(grid)
    spoilt = frame.copy()
    spoilt.loc[(spoilt["task_a"] == "t1") | (spoilt["task_b"] == "t1"), "normacc_ties"] = np.arange(8.0)
    again = cross_validate(spoilt, None, "normacc_ties", alpha="nested")
    assert again.outcomes[1].alpha == result.outcomes[1].alpha
    assert again.outcomes[1].predicted == pytest.approx(result.outcomes[1].predicted)


def test_the_best_set():
    chosen = cross_validate(made_table(8), None, "normacc_ties", solver="ols").best_set(3)
    assert chosen.predicted == chosen.measured and chosen.lost == pytest.approx(0.0) and chosen.lost_random > 0
    with pytest.raises(InvalidOptionError, match="a set has 2 to 8 tasks; found 9"):
        cross_validate(made_table(8), None, "normacc_ties").best_set(9)


@pytest.mark.parametrize(
    ("choice", "error", "sentence"),
    [
        ({"metrics": ["goood"]}, UnknownNameError, "did you mean 'good'"),
        ({"metrics": "clean24"}, InvalidOptionError, "none of the metrics of clean24"),
        ({"metrics": []}, InvalidOptionError, "at least one metric"),
        ({"splits": 0}, InvalidOptionError, "splits must be a whole number from 1 to 1000"),
        ({"rows": "all"}, UnknownNameError, "unknown choice of rows"),
        ({"k": 0}, InvalidOptionError, "k must be a whole number"),
    ],
)
def test_choices_that_make_no_sense(choice, error, sentence):
    with pytest.raises(error, match=sentence):
        cross_validate(made_table(6), **{"target": "normacc_ties", **choice})


def test_what_is_known_after_a_merge_alone_is_a_ceiling_and_no_metric():
    frame = made_table(7).rename(columns={"good": "mloss"})
    frame["merged_agreement"] = frame["normacc_ties"]
    result = cross_validate(frame, None, "normacc_ties")
    assert result.metrics == ("mloss",) and result.baselines["merged_agreement_alone"].mean_pearson > 0.999
    assert any(note.startswith("merged_agreement is of the pair as it was merged") for note in result.notes)
    assert cross_validate(frame, ["mloss", "merged_agreement"], "normacc_ties").metrics == ("mloss", "merged_agreement")


def test_a_short_name_means_its_metric():
    frame = made_table(7).rename(columns={"good": "task_vector_cosine_similarity"})
    assert cross_validate(frame, ["task_vector_cosine"], "normacc_ties").metrics == ("task_vector_cosine_similarity",)


def test_a_sparse_table_leaves_out_the_folds_it_cannot_fit():
    frame = made_table(8, noise=0.01)
    hub = (frame["task_a"] == "t0") | (frame["task_b"] == "t0")
    few = frame[hub | (frame["task_b"] == "t2")]
    result = cross_validate(few, ["good"], "normacc_ties")
    assert [fold.label for fold in result.scores.folds] == [f"t{number}" for number in range(1, 8)]
    assert "1 of 8 folds have fewer than 3 pairs to fit on: left out." in result.notes
