import numpy as np
import pandas as pd
import pytest

from mloss_core.mergeability.metrics import METRICS
from ui.mergeability.choices import (
    DEFAULT,
    Pairs,
    by_block,
    direction,
    diverging,
    number_text,
    option_text,
    pair_view,
    where,
)

NUMBERS = pd.DataFrame(
    {
        "task_a": ["a", "a", "b"],
        "task_b": ["b", "c", "c"],
        "mloss": [2.0, 3.0, 4.0],
        "sign_conflict": [0.1, np.nan, 0.2],
    }
)
BLOCKS = pd.DataFrame(
    {
        "task_a": ["a", "a", "b"] * 2,
        "task_b": ["b", "c", "c"] * 2,
        "block": [0, 0, 0, 1, 1, 1],
        "mloss": [1.0, 2.0, 3.0, 3.0, 4.0, 5.0],
        "mloss_normalised": [0.1] * 6,
    }
)
UNDEFINED = ({"metric": "sign_conflict", "task_a": "a", "task_b": "c", "reason": "nothing in common"},)
PAIRS = Pairs(NUMBERS, BLOCKS, UNDEFINED)
TASKS = ("a", "b", "c")


def test_a_whole_model_and_one_block_have_their_own_matrices():
    metric = METRICS["mloss"]
    assert pair_view(PAIRS, TASKS, metric, None).value("a", "c") == 3.0
    assert pair_view(PAIRS, TASKS, metric, 1).value("a", "c") == 4.0
    assert pair_view(PAIRS, TASKS, metric, 0).higher_is_better is False


def test_a_metric_without_blocks_ignores_the_block():
    view = pair_view(PAIRS, TASKS, METRICS["sign_conflict"], 1)
    assert view.value("a", "b") == 0.1 and np.isnan(view.value("a", "c"))


def test_only_measured_metrics_are_offered_in_the_registrys_order():
    assert [metric.name for metric in PAIRS.metrics] == ["mloss", "sign_conflict"]


def test_reasons_are_found_by_pair_in_either_order():
    assert PAIRS.reasons("sign_conflict") == {frozenset(("c", "a")): "nothing in common"}
    assert PAIRS.reasons("mloss") == {}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_a_sentence_a_direction_and_a_place(name):
    metric = METRICS[name]
    assert metric.summary.endswith(".") and direction(metric).endswith(".")
    assert where(metric, 3) == ("block 3" if metric.blocks else "")
    assert option_text(name).startswith(metric.title)
    assert number_text(metric, float("nan")) == "none"


def test_numbers_are_written_as_their_kind_is():
    assert number_text(METRICS[DEFAULT], 2.5e-6) == "2.50 × 10⁻⁶"
    assert number_text(METRICS["task_vector_cosine_similarity"], -0.12345) == "−0.123"
    assert number_text(METRICS["mloss_normalised"], 0.0028123) == "0.00281"
    assert diverging(METRICS["task_vector_cosine_similarity"]) and not diverging(METRICS["mloss"])


def test_metrics_by_block_are_those_that_were_measured_so():
    assert by_block(PAIRS, METRICS["mloss"]) and not by_block(PAIRS, METRICS["linear_cka"])
    assert not by_block(PAIRS, METRICS["sign_conflict"])


def test_methods_whose_merges_were_measured():
    measured = Pairs(NUMBERS.assign(normacc_tsv_m=0.9, normacc_zero_shot=0.5, acc_ties=0.8), BLOCKS)
    assert measured.measured == ("tsv_m",) and PAIRS.measured == ()
