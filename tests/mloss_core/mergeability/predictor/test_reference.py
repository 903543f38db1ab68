"""The reference's table of 190 pairs: figures that others recorded or computed come out again."""

import json

import numpy as np
import pytest

from mloss_core.mergeability.predictor import (
    ablations,
    cross_validate,
    individual_accuracies,
    prepare,
    read_coefficients,
    read_table,
    replay,
    single_metrics,
)
from tests.mloss_core.mergeability.predictor.made_tables import METHODS, reference_file

OLS = (0.5717, 0.4196, 0.6461, 0.4307, 0.5669)
LASSO = (0.6510, 0.4873, 0.6917, 0.5128, 0.6496)
# Two of the twenty folds that the reference stored for tsv at lambda 1: its coefficients, and the r it found.
STORED = {
    "SUN397": (
        0.46372936411605536,
        {
            "right_subspace_overlap_top_k": 0.01459403708577156,
            "right_subspace_overlap_bottom_k": -0.016234351322054863,
            "interaction_matrix_overlap_top_k": 0.004261860158294439,
            "interaction_matrix_overlap_bottom_k": -0.001770767499692738,
            "effective_rank": -0.0018180726328864694,
            "effective_rank_mergeability_score": 0.0,
            "stable_rank": -0.0012930674711242318,
            "spectral_gap": 0.0,
            "singular_value_ratio": -0.0016908933175727725,
            "layerwise_effective_rank": -0.0014758144970983267,
            "layerwise_effective_rank_mergeability_score": 0.001798804267309606,
            "task_vector_cosine_similarity": -0.006173447705805302,
            "task_vector_l2_distance": -0.003027205355465412,
            "task_vector_dot_product": -0.0026568628381937742,
            "weight_space_angle": 0.002708207117393613,
            "task_vector_magnitude_ratio": 0.0,
            "singular_value_overlap": 0.00703564565628767,
            "subspace_overlap": 0.002373472787439823,
            "activation_l2_distance": -0.0032332148402929306,
            "activation_cosine_similarity": 0.015941858291625977,
            "activation_magnitude_ratio": -0.0024334839545190334,
            "activation_dot_product": 0.008104776963591576,
            "encoder_gradient_cosine_similarity": -0.0016646229196339846,
            "encoder_gradient_l2_distance": -0.026310279965400696,
            "encoder_gradient_dot_product": 0.0012949603842571378,
            "input_gradient_cosine_similarity": 0.0017507667653262615,
            "input_gradient_l2_distance": -0.022986451163887978,
            "input_gradient_dot_product": -0.005644859746098518,
        },
    ),
    "Cars": (
        0.7739391672077328,
        {
            "right_subspace_overlap_top_k": 0.015233581885695457,
            "right_subspace_overlap_bottom_k": -0.014952764846384525,
            "task_vector_dot_product": -0.0010671583004295826,
            "weight_space_angle": 0.0019806153140962124,
            "singular_value_overlap": 0.00329409446567297,
            "subspace_overlap": -0.0014823941746726632,
            "activation_cosine_similarity": 0.01531111542135477,
            "activation_magnitude_ratio": -0.001796332304365933,
            "activation_dot_product": -0.002139404648914933,
            "encoder_gradient_cosine_similarity": 0.0021658523473888636,
            "encoder_gradient_l2_distance": -0.021533090621232986,
            "encoder_gradient_dot_product": 0.002562836278229952,
            "input_gradient_l2_distance": -0.006172866560518742,
        },
    ),
}


@pytest.fixture(scope="module")
def table():
    return read_table(reference_file("mergeability_ViT-B-16_AdamW.csv"))


@pytest.fixture(scope="module")
def recorded():
    return json.loads(reference_file("reference_results_ViT-B-16_AdamW.json").read_text())


def over_methods(table, kind, **choices):
    return [cross_validate(table, None, f"{kind}_{method}", **choices) for method in METHODS]


@pytest.fixture(scope="module")
def raw(table):
    return over_methods(table, "acc")


@pytest.fixture(scope="module")
def normalised(table):
    return over_methods(table, "normacc")


def mean(results, name=None):
    return np.mean([(result.scores if name is None else result.baselines[name]).mean_pearson for result in results])


def test_lasso_and_least_squares(table, raw):
    assert [result.scores.mean_pearson for result in raw] == pytest.approx(LASSO, abs=2e-3)
    assert [r.scores.mean_pearson for r in over_methods(table, "acc", solver="ols")] == pytest.approx(OLS, abs=2e-3)
    assert {len(result.problem.target.values) for result in raw} == {185}


def test_ridge_and_the_normalised_target(table, normalised):
    assert mean(normalised) == pytest.approx(0.568, abs=2e-3)
    assert mean(over_methods(table, "acc", solver="ridge", alpha=0.1)) == pytest.approx(0.563, abs=2e-3)
    assert mean(over_methods(table, "normacc", solver="ridge", alpha=1.0)) == pytest.approx(0.562, abs=2e-3)


def test_baselines_show_that_the_raw_target_measures_difficulty(raw, normalised):
    assert mean(raw, "sum_of_individual_accuracies") == pytest.approx(0.711, abs=2e-3)
    assert mean(raw, "additive_task_effects") == pytest.approx(0.970, abs=2e-3)
    assert mean(raw, "best_single_metric") == pytest.approx(0.409, abs=2e-3)
    assert mean(normalised, "sum_of_individual_accuracies") == pytest.approx(0.06, abs=1e-2)
    assert mean(normalised, "additive_task_effects") == pytest.approx(0.88, abs=5e-3)
    assert mean(normalised, "best_single_metric") == pytest.approx(0.388, abs=2e-3)


def test_complete_ablations(normalised):
    changes = {}
    for result in normalised:
        for one in ablations(result):
            changes.setdefault(frozenset(one.metrics), []).append(one.change)
    by_member = {name: np.mean(values) for members, values in changes.items() for name in members}
    assert by_member["input_gradient_l2_distance"] == pytest.approx(-0.056, abs=2e-3)
    assert by_member["activation_dot_product"] == pytest.approx(-0.129, abs=2e-3)
    assert by_member["subspace_overlap"] == pytest.approx(-0.149, abs=2e-3)


def test_data_free_metrics_alone(table):
    found = [cross_validate(table, "data_free18", f"acc_{method}") for method in METHODS]
    assert mean(found) == pytest.approx(0.449, abs=0.012)


def test_the_references_own_fit(table, recorded):
    runs = recorded["runs"]["ViT-B-16_AdamW"]
    found = over_methods(table, "acc", solver="ref_adam")
    assert mean(found) == pytest.approx(runs["l1_lambda1.0"]["_avg"]["val_r"], abs=0.03)
    exact = cross_validate(table, None, "acc_tsv", solver="ref_adam", alpha=0.0)
    assert exact.scores.mean_pearson == pytest.approx(runs["l1_lambda0.0"]["tsv"]["val_r_mean"], abs=0.03)
    counts = [(len(outcome.fold.train), len(outcome.fold.validate)) for outcome in exact.outcomes]
    stored = runs["l1_lambda1.0"]["tsv"]
    assert counts == list(zip(stored["n_train_pairs"], stored["n_val_pairs"], strict=True))


def test_stored_coefficients_give_the_stored_correlations(table, tmp_path):
    folds = [{"held_out_task": task, "coefficients": weights} for task, (_, weights) in STORED.items()]
    (tmp_path / "stored.json").write_text(json.dumps({"fold_results": folds}))
    scores = replay(table, "acc_tsv", read_coefficients(tmp_path / "stored.json"))
    assert [fold.pearson for fold in scores.folds] == pytest.approx([r for r, _ in STORED.values()], abs=1e-5)
    assert [fold.n_val for fold in scores.folds] == [19, 18]


def test_recorded_single_metric_correlations(table, recorded):
    stored = recorded["individual_metric_correlations_normacc_ViT-B-16_AdamW"]
    for method in ("weight_avg", "tsv", "arithmetic"):
        # A pair without gradients has its other metrics.
        problem = prepare(table, None, f"normacc_{method}", rows="own", impute=True)
        for one in single_metrics(problem, permutations=1):
            assert one.n == stored[method][one.metric]["n"]
            assert one.pearson == pytest.approx(stored[method][one.metric]["r"], abs=1e-9)


def test_accuracies_of_own_models_are_the_recorded_ones(table):
    stored = json.loads(reference_file("finetuned_accs.json").read_text())
    values = stored.get("ViT-B-16", next(iter(stored.values())))
    known = {task: value for task, value in values.items() if task in table.tasks}
    found = individual_accuracies(table)
    assert len(known) == 20 and found == pytest.approx(known, abs=1e-6)
