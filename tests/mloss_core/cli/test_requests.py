"""Recipes of files, presets and runs at the command line."""

import json

import pytest

from mloss_core.cli.main import main
from tests.zoos import tiny_zoo


def evaluated(capsys, *words):
    assert main(["evaluate", "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys, *words):
    assert main(list(words)) == 2
    return capsys.readouterr().err


def test_a_run_file_is_the_same_as_its_flags(capsys, tmp_path):
    run, recipe = tmp_path / "run.yaml", tmp_path / "recipe.yaml"
    recipe.write_text("{method: ties, options: {keep_rate: 0.5}, tasks: [digits, signs]}")
    run.write_text(
        "tasks: [digits, signs]\nsplit: val\nrecipes: [{method: ties, options: {keep_rate: 0.5}}, "
        "{preset: average@tall_masks}]\n"
    )
    by_run = evaluated(capsys, "--run", str(run), "--zoo", "demo")
    by_flags = evaluated(
        capsys, "--recipe", str(recipe), "--preset", "average@tall_masks", "--tasks", "digits,signs", "--split", "val"
    )
    assert by_run["split"] == "val"
    assert by_run["rows"][1]["tasks"] == by_flags["rows"][1]["tasks"]
    assert [row["kind"] for row in by_run["rows"]].count("merged") == 2


def test_a_run_file_stands_alone(capsys, tmp_path):
    run = tmp_path / "run.yaml"
    run.write_text("zoo: demo\nrecipes: [{method: ties}]\n")
    for words in (["--zoo", "demo"], ["--split", "val"], ["--tune"], ["--preset", "x"], ["--tasks", "a"]):
        flag = words[0]
        assert f"leave out {flag}, or change the file" in refused(capsys, "evaluate", "--run", str(run), *words)
    assert "--seed belongs to a method" in refused(capsys, "evaluate", "--run", str(run), "--seed", "1")


def test_a_run_file_says_how_it_chooses(capsys, tmp_path, monkeypatch):
    zoo = tiny_zoo(3, 16, 2, spread=1.0)
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda source="demo", **options: zoo)
    run = tmp_path / "run.yaml"
    said = "tune: true\nrecipes: [{method: ties}]\nchoose_by: expert_kl\n"
    run.write_text(f"{said}images: 4\nsource: val\n")
    flags = ["--method", "ties", "--tune", "--choose-by", "expert_kl", "--images", "4", "--source", "val"]
    by_run, by_flags = evaluated(capsys, "--run", str(run)), evaluated(capsys, *flags)
    (found,), (other,) = by_run["tuning"], by_flags["tuning"]
    assert found["curve"] == other["curve"] and found["choose_by"] == "expert_kl" and found["split"] == "val"
    assert [row["criteria"] for row in by_run["rows"]] == [row["criteria"] for row in by_flags["rows"]]
    run.write_text(said)
    (found,) = evaluated(capsys, "--run", str(run), "--images", "8")["tuning"]
    assert (found["choose_by"], found["images_per_task"], found["split"]) == ("expert_kl", 8, "train")
    assert "leave out --choose-by" in refused(capsys, "evaluate", "--run", str(run), "--choose-by", "entropy")
    run.write_text("recipes: [{method: ties}]\nchoose_by: expert_kl\n")
    assert "or tune: true in a run file" in refused(capsys, "evaluate", "--run", str(run))
    run.write_text("recipes: [{method: ties}]\ntune: true\nchoose_by: kl\n")
    assert "unknown criterion 'kl'" in refused(capsys, "evaluate", "--run", str(run))
    run.write_text("recipes: [{method: ties}]\nsource: test\n")
    assert "come from train or val; found 'test'" in refused(capsys, "evaluate", "--run", str(run))


def test_merge_takes_a_preset(capsys, tmp_path):
    out = str(tmp_path / "m.safetensors")
    assert main(["merge", "--json", "--preset", "ties@adamerging", "--tasks", "digits,signs", "--out", out]) == 0
    recipe = json.loads(capsys.readouterr().out)["recipe"]
    assert recipe["options"]["merge"] == "sum" and recipe["tasks"] == ["digits", "signs"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--preset", "nothing"], "unknown preset 'nothing'"),
        (["--preset", "ties@adamerging", "--method", "ties"], "give one recipe: --recipe FILE, --preset NAME or"),
        (["--recipe", "none.yaml"], "the recipe none.yaml cannot be read: No such file"),
    ],
)
def test_what_merge_refuses(capsys, tmp_path, words, said):
    assert said in refused(capsys, "merge", *words, "--out", str(tmp_path / "m.safetensors"))


def test_tasks_restrict_presets_and_recipes_as_they_do_methods(capsys, tmp_path):
    tasks = ("--tasks", "digits,street", "--limit", "40")
    (tmp_path / "a.yaml").write_text("method: task_arithmetic\noptions: {scale: 0.3}\n")
    typed = evaluated(capsys, "--method", "task_arithmetic", "--option", "scale=0.3", *tasks)
    preset = evaluated(capsys, "--preset", "task_arithmetic@fusion_bench", *tasks)
    written = evaluated(capsys, "--recipe", str(tmp_path / "a.yaml"), *tasks)
    found = [next(row for row in answer["rows"] if row["kind"] == "merged") for answer in (typed, preset, written)]
    assert found[0]["tasks"] == found[1]["tasks"] == found[2]["tasks"]


def test_the_split_is_test_or_val(capsys):
    for command in ("evaluate", "protocol"):
        assert "invalid choice: 'train'" in refused(capsys, command, "--split", "train")
    assert "--samples is of the paper preset" in refused(capsys, "protocol", "--preset", "reference", "--samples", "1")
