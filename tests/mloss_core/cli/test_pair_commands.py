"""`metrics` and `pairs` on a tiny zoo."""

import json

import numpy as np
import pandas as pd
import pytest

from mloss_core.cli import main
from mloss_core.mergeability import pairwise_metrics
from mloss_core.mergeability.metrics import METRICS, PUBLISHED
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3, layers=2, images=40)


@pytest.fixture(autouse=True)
def opened(monkeypatch, zoo):
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda source="demo", **options: zoo)


def test_metrics_writes_the_table_of_the_library(capsys, zoo, tmp_path):
    out = tmp_path / "metrics.csv"
    assert main(["metrics", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "3 pairs written to" in printed and "more columns" in printed
    frame = pd.read_csv(out)
    assert list(frame.columns) == ["task_a", "task_b", *METRICS]
    np.testing.assert_allclose(frame[list(METRICS)], pairwise_metrics(zoo)[list(METRICS)], rtol=1e-9, atol=1e-12)


def test_metrics_are_chosen_by_name_set_and_task(capsys):
    asked = "data_free18,mloss,task_vector_cosine"
    assert main(["metrics", "--metrics", asked, "--tasks", "apples,clouds", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    known = [name for name in PUBLISHED if METRICS[name].needs_data is None]
    assert answer["metrics"] == [*known, "mloss", "task_vector_cosine"]
    assert answer["rows"] == len(answer["pairs"]) == 1 and answer["undefined"] == []


def test_pairs_writes_accuracies_by_method(capsys, tmp_path):
    out = tmp_path / "pairs.csv"
    assert main(["pairs", "--methods", "average,ties", "--split", "val", "--out", str(out), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["split"] == "val" and set(answer["recipes"]) == {"average", "ties"} and answer["rows"] == 3
    frame = pd.read_csv(out)
    assert {"acc_ties", "normacc_ties", "acc_a_ties", "acc_b_ties", "acc_individual"} <= set(frame)
    assert frame["acc_ties"].equals((frame["acc_a_ties"] + frame["acc_b_ties"]) / 2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["metrics", "--metrics", "nix"], "unknown metric 'nix'"),
        (["metrics", "--out", "table.txt"], "--out must end in .csv"),
        (["metrics", "--tasks", "apples"], "a pair needs two models"),
        (["metrics", "--workers", "0"], "at least one worker"),
        (["metrics", "--metrics", ","], "--metrics must name at least one metric"),
        (["metrics", "--mode", "reference", "--metrics", "ours"], "the published 28 metrics alone; mloss is none"),
        (["pairs", "--methods", "emr"], "emr gives one a task"),
        (["pairs", "--split", "train"], "the test or the val split"),
    ],
)
def test_bad_input_is_one_line(capsys, arguments, words):
    assert main(arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and words in lines[0]
