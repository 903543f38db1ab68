import numpy as np
import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.mergeability.predictor import check_table, individual_accuracies, target_names
from mloss_core.mergeability.predictor.targets import read_target
from tests.mloss_core.mergeability.predictor.made_tables import made_table


def test_accuracies_of_own_models_follow_from_normalised_ones():
    found = individual_accuracies(check_table(made_table(6)))
    assert found == pytest.approx({f"t{number}": 0.5 + 0.02 * number for number in range(6)})


def test_listed_accuracies_come_first_and_missing_ones_are_not_made_up():
    frame = made_table(5).assign(individual_a=0.7, individual_b=0.7)
    assert set(individual_accuracies(check_table(frame)).values()) == {0.7}
    assert individual_accuracies(check_table(made_table(5).drop(columns="normacc_ties"))) is None
    # Normalised by something else than one accuracy a task: nothing consistent follows.
    spoilt = made_table(6)
    spoilt.loc[3, "normacc_ties"] += 0.01
    assert individual_accuracies(check_table(spoilt)) is None


def test_the_worst_of_the_two():
    frame = made_table(5)
    frame.loc[0, "acc_a_ties"] = 0.1
    frame.loc[0, "normacc_ties"] = (0.1 / 0.5 + frame.loc[0, "acc_b_ties"] / 0.52) / 2
    table = check_table(frame)
    worst = read_target(table, "worst_ties", individual_accuracies(table))
    assert worst.kind == "worst" and worst.method == "ties"
    assert worst.values[0] == pytest.approx(0.1 / 0.5)
    assert worst.values[1:] == pytest.approx(frame["normacc_ties"][1:])


def test_what_a_table_offers():
    assert target_names(check_table(made_table(4))) == ["normacc_ties", "acc_ties", "worst_ties", "residual_ties"]
    plain = made_table(4)[["task_a", "task_b", "good", "bad"]]
    assert target_names(check_table(plain)) == ["good", "bad"]


@pytest.mark.parametrize(
    ("name", "error", "sentence"),
    [
        ("acc_tise", UnknownNameError, "did you mean 'acc_ties'"),
        ("residual_tsv", UnknownNameError, "unknown target"),
        ("flat", InvalidOptionError, "must differ between pairs"),
        ("empty", InvalidOptionError, "empty in every row"),
        ("words", InvalidOptionError, "row 1 has 'w'"),
    ],
)
def test_targets_that_do_not_exist(name, error, sentence):
    table = check_table(made_table(4).assign(flat=1.0, empty=np.nan, words="w"))
    with pytest.raises(error, match=sentence):
        read_target(table, name)


def test_the_worst_needs_accuracies_of_own_models():
    table = check_table(made_table(4).drop(columns="normacc_ties"))
    with pytest.raises(InvalidOptionError, match="worst_ties needs the accuracy of each task's own model"):
        read_target(table, "worst_ties", individual_accuracies(table))
