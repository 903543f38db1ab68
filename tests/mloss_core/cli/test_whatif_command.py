"""`whatif`: surfaces, paths and planes as a table, CSV and JSON, and what is refused before any work."""

import csv
import json

import pytest

from mloss_core.cli import main
from mloss_core.evaluation import evaluate_weights
from mloss_core.merging import merge
from mloss_core.recipe import Recipe
from tests.zoos import tiny_zoo

TIES = ["--method", "ties", "--option", "keep_rate=0.3"]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


@pytest.fixture
def run(zoo, monkeypatch, capsys):
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda *args, **options: zoo)

    def command(*words):
        code = main(["whatif", *words])
        found = capsys.readouterr()
        return code, found.out, found.err

    return command


def test_a_path_as_table_and_csv(run, zoo, tmp_path):
    code, out, _ = run(*TIES, "--path", "scale=0:1:3", "--out", str(tmp_path / "path.csv"))
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "tiny, validation accuracy, 60 images of the val split, in percent"
    assert lines[1].split()[:4] == ["scale", "validation", "standard", "error"]
    assert "more within twice the paired standard error" in out and "written:" in lines[-1]
    with (tmp_path / "path.csv").open() as file:
        rows = list(csv.DictReader(file))
    recipe = Recipe(method="ties", options={"keep_rate": 0.3, "scale": 0.5})
    expected = evaluate_weights(zoo, merge(zoo, recipe), split="val")
    assert float(rows[1]["scale"]) == 0.5 and float(rows[1]["validation"]) == pytest.approx(expected.average, abs=1e-6)
    assert float(rows[1]["apples"]) == pytest.approx(expected.accuracy["apples"], abs=1e-6)


def test_a_surface_as_json_on_the_recipes_own_tasks(run, zoo):
    axes = "keep_rate=0.2:0.4:2,scope=tensor|global"
    code, out, _ = run(
        *TIES, "--tasks", "apples,boats", "--surface", axes, "--split", "test", "--json", "--limit", "20"
    )
    found = json.loads(out)
    assert code == 0 and found["view"] == "surface" and found["zoo"]["name"] == "tiny"
    assert found["tasks"] == ["apples", "boats"] and found["counts"] == {"apples": 20, "boats": 20}
    assert [point["values"] for point in found["points"]][1] == [0.2, "global"]
    recipe = Recipe(method="ties", options={"keep_rate": 0.2}, tasks=("apples", "boats"))
    expected = evaluate_weights(zoo.limited(20), merge(zoo, recipe), split="test", tasks=("apples", "boats"))
    assert found["points"][1]["value"] == pytest.approx(expected.average, abs=1e-6)


def test_a_plane_and_what_is_by_block_and_seed(run):
    code, out, _ = run("--plane", "apples,clouds", "--steps", "2", "--criterion", "expert_agreement")
    assert code == 0 and "Barrier on the line between both models" in out and "factor of apples" in out
    code, out, _ = run(*TIES, "--ablation")
    assert code == 0 and out.splitlines()[1].split()[:2] == ["group", "label"]
    code, out, _ = run("--method", "dare", "--seeds", "2")
    assert code == 0 and out.splitlines()[2].split()[:2] == ["masks", "0"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--path", "scale=0:1:3"], "--path varies a recipe; say which with --method NAME"),
        ([*TIES], "one of the arguments --surface --path --plane"),
        ([*TIES, "--plane", "apples,boats"], "takes no recipe; leave the method out"),
        ([*TIES, "--path", "scale=0:1:3,keep_rate=0:1:3"], "--path takes 1 option; found 2"),
        ([*TIES, "--surface", "scale=0:1:3"], "--surface takes 2 options; found 1"),
        ([*TIES, "--path", "scale=0:9:3"], "scale must be from -5 to 5; found 9"),
        ([*TIES, "--path", "span=0:1:3"], "unknown option of ties 'span'"),
        ([*TIES, "--path", "scale=0:1:3", "--out", "x.txt"], "--out must end in .csv"),
        ([*TIES, "--path", "scale=0:1:3", "--recipe", "x.json"], "one recipe is varied; give --recipe or --method"),
        ([*TIES, "--path", "scale=0:1:3", "--criterion", "luck"], "unknown criterion 'luck'"),
        (["--plane", "apples,apples"], "each task must be chosen once"),
        (["--plane", "apples,cats"], "unknown task 'cats'"),
        (["--method", "tall_mask", "--path", "threshold=0.2:0.4:2"], "tall_mask gives one model a task"),
        (["--plane", "apples,boats", "--tasks", "clouds"], "the tasks of its two models; leave --tasks out"),
        ([*TIES, "--path", "scale=0:inf:3"], "FROM and TO of an axis must be finite numbers; found '0:inf:3'"),
        ([*TIES, "--seeds", "3"], "nothing in this recipe is drawn at random"),
        (["--method", "dare", "--seeds", "0"], "a spread 2 to 64 seeds"),
    ],
)
def test_bad_input_is_one_line(run, words, sentence):
    code, out, err = run(*words)
    assert code == 2 and out == "" and len(err.splitlines()) == 1 and sentence in err
