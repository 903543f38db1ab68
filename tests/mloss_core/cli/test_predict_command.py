import json

import pytest

from mloss_core.cli.main import main
from tests.mloss_core.mergeability.predictor.made_tables import made_table, reference_file


@pytest.fixture
def path(tmp_path):
    made_table(7, noise=0.01).to_csv(tmp_path / "pairs.csv", index=False)
    return tmp_path / "pairs.csv"


def printed(capsys, *words):
    assert main(["predict", *map(str, words)]) == 0
    return capsys.readouterr().out


def test_for_machines(capsys, path):
    found = json.loads(printed(capsys, path, "--target", "acc_ties", "--json"))
    assert found["target"] == "acc_ties" and found["solver"] == "lasso" and found["protocol"] == "loto"
    assert found["rows"] == 21 and found["metrics"] == ["good", "bad", "idle"]
    assert {"task", "n_train", "n_val", "pearson", "spearman"} <= set(found["folds"][0])
    assert set(found["coefficients"]) == set(found["selection_rate"]) == set(found["metrics"])
    assert found["baselines"]["sum_of_individual_accuracies"] > 0 and found["baselines"]["mloss_alone"] is None
    assert isinstance(found["lost_points"], float) and found["alpha"] == 0.003


def test_for_people(capsys, path):
    text = printed(capsys, path, "--details")
    assert "Target normacc_ties; Lasso, alpha 0.003; leave one task out" in text
    for words in (
        "predictor",
        "Sum of individual accuracies",
        "Additive task effects",
        "points lost, 5 best",
        "p of all",
    ):
        assert words in text
    assert "M-Loss alone: the table has no column of M-Loss." in text
    assert "pooled r" in printed(capsys, path, "--protocol", "l2to", "--solver", "ols")


def test_new_pairs_stored_coefficients_and_files(capsys, path, tmp_path):
    (tmp_path / "stored.json").write_text(json.dumps({"t0": {"good": 1.0, "bad": -0.4}}))
    new = made_table(3, seed=9)[["task_a", "task_b", "good", "bad", "idle"]]
    new.to_csv(tmp_path / "new.csv", index=False)
    words = [path, "--new", tmp_path / "new.csv", "--replay", tmp_path / "stored.json", "--out", tmp_path / "out.csv"]
    found = json.loads(printed(capsys, *words, "--json"))
    assert [one["tasks"] for one in found["predictions"]] == [["t0", "t1"], ["t0", "t2"], ["t1", "t2"]]
    assert all(one["low"] < one["value"] < one["high"] for one in found["predictions"])
    assert found["replay"]["folds"][0]["pearson"] > 0.8
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "fold,task_a,task_b,predicted,measured" and len(lines) == 1 + 7 * 6
    assert "stored coefficients: mean r" in printed(capsys, *words)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--target", "acc_tise"], "did you mean 'acc_ties'"),
        (["--solver", "lass"], "unknown solver 'lass'"),
        (["--protocol", "kfold"], "unknown protocol"),
        (["--alpha", "much"], "--alpha must be a number or nested"),
        (["--metrics", "acc_ties"], "was measured after merging"),
        (["--metrics", "clean24"], "none of the metrics of clean24"),
        (["--out", "x.txt"], "--out must end in .json or .csv"),
        (["--replay", "/nowhere.json"], "cannot be read"),
        (["--protocol", "disjoint", "--splits", "0"], "splits must be a whole number"),
    ],
)
def test_bad_input_is_one_line(capsys, path, words, sentence):
    assert main(["predict", str(path), *words]) == 2
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1 and error.startswith("error: ")


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", "task_a,task_b\nx,y\n", "task_a,task_b,m\nx,y,1\n", "task_a;task_b\n"]
)
def test_a_file_that_is_no_table_is_one_line(capsys, tmp_path, text):
    (tmp_path / "bad.csv").write_text(text)
    assert main(["predict", str(tmp_path / "bad.csv")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_references_table(capsys):
    path = reference_file("mergeability_ViT-B-16_AdamW.csv")
    words = ["--target", "acc_tsv", "--solver", "lasso", "--alpha", "0.003", "--protocol", "loto", "--json"]
    found = json.loads(printed(capsys, path, *words))
    assert found["mean_pearson"] == pytest.approx(0.6917, abs=2e-3) and found["rows"] == 185
    assert len(found["metrics"]) == 28 and len(found["folds"]) == 20


def test_a_table_that_is_read_is_not_replaced(capsys, path):
    before = path.read_bytes()
    assert main(["predict", str(path), "--out", str(path.parent / "." / path.name)]) == 2
    assert "--out must not replace a file that is read" in capsys.readouterr().err and path.read_bytes() == before
