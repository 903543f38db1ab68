"""`inspect` on a tiny zoo."""

import csv
import dataclasses
import json

import pytest

from mloss_core import Recipe, merge
from mloss_core.cli import main
from mloss_core.data.unlabelled import UnlabelledDataset
from mloss_core.evaluation import evaluate_rows, paired_difference
from tests.field_files import picture
from tests.zoos import tiny_zoo

RECIPE = Recipe(method="task_arithmetic", options={"scale": 0.5})


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3, 16, 2, spread=1.0)


@pytest.fixture(autouse=True)
def opened(monkeypatch, zoo):
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda source="demo", **options: zoo)


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(RECIPE.to_json())
    return str(path)


def answer(capsys, *arguments):
    assert main(["inspect", "--task", "boats", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_counts_are_those_of_evaluate(capsys, zoo, recipe):
    found = answer(capsys, "--a", recipe, "--split", "val")
    other = paired_difference(zoo.subset(("boats",)), merge(zoo, RECIPE), "individual", "val")
    rows = {row.kind: row for row in evaluate_rows(zoo, [merge(zoo, RECIPE)], "val")}
    assert found["a"]["accuracy"] == pytest.approx(rows["merged"].accuracy["boats"])
    assert found["b"]["accuracy"] == pytest.approx(rows["ensemble"].accuracy["boats"])
    assert sum(found["fields"].values()) == found["images"] == 20 and found["labels"]
    assert found["difference"] == pytest.approx(found["a"]["accuracy"] - found["b"]["accuracy"])
    own = answer(capsys, "--a", recipe, "--b", "individual", "--split", "val")
    assert own["standard_error"] == pytest.approx(other.standard_error)


def test_all_images_are_written_with_their_answers(capsys, recipe, tmp_path):
    out = tmp_path / "answers.csv"
    found = answer(capsys, "--a", recipe, "--b", "zero_shot", "--out", str(out), "--show", "2")
    with out.open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [line["image"] for line in lines] == [str(number) for number in range(40)]
    for field, count in found["fields"].items():
        assert sum(line["field"] == field for line in lines) == count
        assert len(found["decisive"][field]) == min(2, count)
    for record in found["decisive"]["only_a"]:
        assert record["a_answer"] == record["truth"] != record["b_answer"] and record["a_margin"] > 0


def test_the_printed_answer(capsys, recipe):
    more = ["--calibration", "--blocks", "--limit", "30"]
    assert main(["inspect", "--task", "boats", "--a", recipe, "--b", "individual", *more]) == 0
    text = capsys.readouterr().out
    assert "tiny, boats, test split, 30 images" in text and "A: Task Arithmetic λ 0.5   B: Individual" in text
    assert "A right" in text and "points (paired)" in text and "most decisive first" in text
    assert "Expected calibration error" in text and "linear CKA, then expert gap" in text


@pytest.mark.parametrize("model", ["ties", "individual", "ties@ties_merging"])
def test_models_by_name(capsys, model):
    assert answer(capsys, "--a", model, "--split", "val")["images"] == 20


def test_a_weight_file(capsys, recipe, tmp_path):
    out = tmp_path / "merged.safetensors"
    assert main(["merge", "--recipe", recipe, "--out", str(out)]) == 0
    capsys.readouterr()
    typed, stored = (answer(capsys, "--a", model) for model in (recipe, str(out)))
    assert typed["fields"] == stored["fields"] and stored["a"]["model"] == str(out)


def test_images_without_labels(capsys, monkeypatch, zoo, tmp_path):
    for place in range(6):
        picture(tmp_path / "photos" / f"{place}.jpg", place)
    blind = dataclasses.replace(
        zoo, datasets={"boats": UnlabelledDataset("boats", tmp_path / "photos", zoo.architecture)}
    )
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda source="demo", **options: blind)
    found = answer(capsys, "--a", "average", "--b", "zero_shot", "--split", "train")
    assert not found["labels"] and set(found["fields"]) == {"agree", "disagree"} and "difference" not in found
    assert found["a"]["accuracy"] is None and found["agreement"] == found["fields"]["agree"] / 6
    assert main(["inspect", "--task", "boats", "--a", "average", "--b", "zero_shot", "--split", "train"]) == 0
    assert "No labels: both models give the same answer to" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--a", "average"], "the following arguments are required: --task"),
        (["--task", "boats"], "the following arguments are required: --a"),
        (["--task", "cats", "--a", "average"], "unknown task 'cats'"),
        (["--task", "boats", "--a", "tise"], "a model to inspect is a baseline (zero_shot"),
        (["--task", "boats", "--a", "nowhere.json"], "the recipe nowhere.json cannot be read"),
        (["--task", "boats", "--a", "ties@nobody"], "unknown preset 'ties@nobody'"),
        (["--task", "boats", "--a", "average", "--out", "x.json"], "--out must end in .csv"),
        (["--task", "boats", "--a", "average", "--show", "-1"], "--show must be at least 0; found -1"),
        (["--task", "boats", "--a", "average", "--limit", "0"], "at least 1 image; found 0"),
    ],
)
def test_bad_input_is_one_line_and_code_2(capsys, arguments, words):
    assert main(["inspect", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
