"""The command line on a tiny zoo: answers, shapes of JSON, and one clear line for bad input."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

import mloss_core
from mloss_core import Recipe
from mloss_core.caching import KINDS
from mloss_core.cli import main
from mloss_core.cli.common import json_text, progress_bar, table
from mloss_core.cli.main import COMMANDS
from mloss_core.demo.recipe import DemoRecipe
from mloss_core.errors import CacheError, CheckpointError
from mloss_core.evaluation.criteria import LABEL_FREE
from mloss_core.merging import METHODS
from mloss_core.types import silent
from tests.label_free import without_classes
from tests.ui.fake_card import fake_manifest
from tests.zoos import tiny_zoo

M_TIES = ["--method", "m_ties", "--option", "keep_rate=0.8", "--option", "span=0.1", "--blocks", "1,2"]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


@pytest.fixture(autouse=True)
def opened(monkeypatch, zoo):
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda source="demo", **options: zoo)


def _json(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_zoo(capsys):
    answer = _json(capsys, "zoo")
    assert [model["name"] for model in answer["models"]] == ["pretrained", "apples", "boats", "clouds"]
    assert answer["card"] is None
    assert main(["zoo"]) == 0
    shown = capsys.readouterr().out
    assert "boats" in shown and "card" not in shown


def test_zoo_with_a_card(capsys, zoo, monkeypatch):
    card = fake_manifest(zoo.tasks, layers=2)
    carded = dataclasses.replace(zoo, card=card)
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda source="demo", **options: carded)
    assert _json(capsys, "zoo")["card"]["curve"] == card["curve"]
    assert main(["zoo"]) == 0
    shown = capsys.readouterr().out
    assert "the first models merged" in shown and "M-Loss of the Simple Average by block, 48 images" in shown
    carded = dataclasses.replace(zoo, card={"average": {"test": {}}})
    assert main(["zoo"]) == 2 and "model card is incomplete" in capsys.readouterr().err


def test_measure(capsys, tmp_path):
    answer = _json(capsys, "measure", "--samples", "4", "--tasks", "apples,clouds")
    assert answer["tasks"] == ["apples", "clouds"] and answer["samples_per_task"] == 4
    assert {"block", "site", "nodes", "mloss", "normalised", "standard_error"} <= set(answer["layers"][0])
    assert len(answer["layers"]) == 4 and answer["zoo"]["name"] == "tiny"
    for layer in answer["layers"]:
        assert layer["expert_gap"] > 0 and layer["ensemble_gap"] > 0 and layer["expert_gap_standard_error"] > 0
    assert main(["measure", "--samples", "4", "--out", str(tmp_path / "nodes.csv")]) == 0
    assert len((tmp_path / "nodes.csv").read_text().splitlines()) == 1 + 4 * 64
    assert "share" in capsys.readouterr().out


def test_merge_writes_a_file_that_evaluate_reads(capsys, tmp_path):
    out = tmp_path / "merged.safetensors"
    merged = _json(capsys, "merge", *M_TIES, "--out", str(out))
    assert merged["recipe"]["blocks"] == [1, 2] and 0 < merged["kept_fraction"] < 1 and out.exists()
    again = _json(capsys, "merge", *M_TIES, "--out", str(out))
    assert again["digest"] == merged["digest"]
    answer = _json(capsys, "evaluate", *M_TIES, "--weights", str(out), "--split", "val")
    rows = {row["model"]: row for row in answer["rows"]}
    assert [row["kind"] for row in answer["rows"]] == [
        "zero_shot",
        "merged",
        "merged",
        "ensemble",
        "ensemble",
        "individual",
    ]
    typed, from_file = answer["rows"][1:3]
    assert typed["tasks"] == from_file["tasks"] and typed["recipe"]["method"] == "m_ties"
    assert set(rows["Individual"]["tasks"]) == {"apples", "boats", "clouds"} and rows["Individual"]["normalised"] == 1


def test_recipes_from_files_and_the_printed_table(capsys, tmp_path):
    for name, method in (("a", "average"), ("b", "ties")):
        (tmp_path / f"{name}.json").write_text(Recipe(method=method).to_json())
    files = [part for name in "ab" for part in ("--recipe", str(tmp_path / f"{name}.json"))]
    assert main(["evaluate", *files, "--split", "val"]) == 0
    text = capsys.readouterr().out
    assert "Simple Average" in text and "TIES" in text and "±" in text and "one standard error" in text


def test_one_model_a_task_is_marked(capsys):
    answer = _json(capsys, "evaluate", "--method", "tall_mask", "--option", "threshold=0.2", "--split", "val")
    row = answer["rows"][1]
    assert row["kind"] == "per_task" and row["recipe"]["options"] == {"threshold": 0.2}
    assert main(["evaluate", "--method", "tall_mask", "--split", "val"]) == 0
    text = capsys.readouterr().out
    assert "TALL masks λ 0.4 (given the task)" in text and "told which task each image is of" in text
    assert main(["evaluate", "--method", "magmax", "--split", "val"]) == 0
    assert "told which task" not in capsys.readouterr().out


def test_a_scale_chosen_without_labels(capsys, zoo, monkeypatch):
    """The same choice when every label of training and validation images fails who reads it."""
    arguments = ("evaluate", "--tune", "--choose-by", "expert_agreement", "--images", "8", "--method", "ties")
    answer = _json(capsys, *arguments)
    (search,) = answer["tuning"]
    assert (search["choose_by"], search["labels"], search["images_per_task"]) == ("expert_agreement", False, 8)
    labels = type(zoo.datasets["apples"]).labels
    monkeypatch.setattr(
        type(zoo.datasets["apples"]),
        "labels",
        lambda self, split: labels(self, split) if split == "test" else pytest.fail("read a label"),
    )
    (again,) = _json(capsys, *arguments)["tuning"]
    assert (again["scale"], again["curve"]) == (search["scale"], search["curve"])
    assert main(list(arguments)) == 0
    text = capsys.readouterr().out
    assert "chosen on 24 training images without their labels" in text and "mistakes count as truth" in text


def test_every_row_says_how_far_it_agrees_with_the_own_experts(capsys):
    answer = _json(capsys, "evaluate", "--method", "ties", "--images", "8", "--source", "val")
    assert answer["labels"] is True
    rows = {row["model"]: row for row in answer["rows"]}
    assert rows["Individual"]["expert_agreement"] == 1
    for row in rows.values():
        score = row["criteria"]["expert_agreement"]
        assert 0 <= row["expert_agreement"] == score["value"] <= 1 and score["split"] == "val"
        assert set(score["images"].values()) == {8} and row["expert_agreement_standard_error"] >= 0


def test_images_without_labels_give_a_ranked_table_and_a_tuned_scale(capsys, zoo, monkeypatch):
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda source="demo", **options: without_classes(zoo))
    answer = _json(capsys, "evaluate", "--tune", "--method", "ties", "--images", "8")
    assert answer["labels"] is False and answer["split"] == "train"
    assert answer["tuning"][0]["choose_by"] == "expert_agreement"
    merged = next(row for row in answer["rows"] if row["kind"] == "merged")
    assert merged["average"] is None and set(merged["criteria"]) == set(LABEL_FREE)
    assert main(["evaluate", "--method", "magmax", "--images", "8"]) == 0
    text = capsys.readouterr().out
    assert "have no labels" in text and "ranked by expert_agreement" in text and "MagMax" in text
    arguments = ["evaluate", "--tune", "--choose-by", "validation", "--method", "ties"]
    assert main(arguments) == 2
    assert "validation accuracy needs labels" in capsys.readouterr().err


def test_cache(capsys, zoo):
    assert _json(capsys, "cache")["total"] >= 0
    assert main(["cache", "clear", "--kind", "mloss"]) == 0
    assert "freed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "the following arguments are required: COMMAND"),
        (["evaluate", "--method", "tise"], "unknown method 'tise': did you mean 'ties'?"),
        (["evaluate", "--method", "ties", "--option", "keep_rate=2"], "keep_rate must be from 0 to 1; found 2"),
        (["evaluate", "--method", "ties", "--option", "keep=0.2"], "unknown option 'keep'"),
        (["evaluate", "--method", "ties", "--option", "keep_rate"], "--option takes FIELD=VALUE"),
        (["evaluate", "--method", "ties", "--option", "keep_rate=much"], "keep_rate must be a number, found 'much'"),
        (["evaluate", "--method", "ties", "--blocks", "1"], "blocks"),
        (["evaluate", "--method", "m_ties", "--blocks", "one"], "blocks must be whole numbers"),
        (["evaluate", "--method", "m_ties", "--blocks", "77"], "among 0 to 3 here"),
        (["evaluate", "--blocks", "1"], "belongs to a method"),
        (["evaluate", "--split", "train-ish"], "invalid choice"),
        (["measure", "--preset", "reference", "--samples", "8"], "--samples is of the paper preset"),
        (["evaluate", "--tune"], "it takes a recipe, and no other split"),
        (["evaluate", "--tune", "--method", "ties", "--split", "val"], "chooses on val and reports on test"),
        (["evaluate", "--tune", "--method", "average"], "average has no scale to choose"),
        (["evaluate", "--choose-by", "entropy", "--method", "ties"], "give --tune as well"),
        (["evaluate", "--tune", "--choose-by", "luck", "--method", "ties"], "unknown criterion 'luck'"),
        (["evaluate", "--images", "0", "--method", "ties"], "images of each task must be at least 1; found 0"),
        (["evaluate", "--tasks", "cats", "--method", "ties"], "unknown task 'cats'"),
        (["evaluate", "--recipe", "nowhere.json"], "the recipe nowhere.json cannot be read"),
        (["evaluate", "--weights", "nowhere.pt"], "no weight file nowhere.pt"),
        (["measure", "--samples", "0"], "samples_per_task must be from 1"),
        (["measure", "--samples", "many"], "invalid int value"),
        (["measure", "--tasks", "boats"], "at least two models"),
        (["measure", "--preset", "papier"], "did you mean 'paper'"),
        (["measure", "--out", "map.png"], "--out must end in .json or .csv"),
        (["merge", "--out", "x.safetensors"], "give one recipe"),
        (["merge", "--method", "emr", "--out", "x.safetensors"], "emr gives one model for each task"),
        (["merge", "--method", "tsv_c", "--out", "x.npz"], "tsv_c gives one model for each task, where one model"),
        (["merge", "--method", "emr", "--out", "x.npz", "--format", "hf"], "the masks of emr have one format"),
        (["merge", "--method", "ties", "--out", "no/such/folder/x.safetensors"], "there is no no/such/folder"),
        (["merge", "--method", "ties", "--out", "."], "--out must name a file"),
        (["merge", "--method", "ties", "--recipe", "a.json", "--out", "x.safetensors"], "give one recipe"),
        (["merge", "--recipe", "a.json", "--tasks", "boats", "--out", "x.safetensors"], "names its own tasks"),
        (["merge", "--recipe", "a.json", "--seed", "3", "--out", "x.safetensors"], "--seed belongs to a method"),
        (["measure", "--out", "no/map.csv"], "there is no no"),
        (["evaluate", "--method", "ties", "--seed", "-1"], "seed must be a whole number of at least 0"),
        (["merge", "--method", "ties", "--format", "hff", "--out", "x.safetensors"], "did you mean 'hf'?"),
        (["convert", "nowhere.pt"], "no weight file nowhere.pt"),
        (["convert", "nowhere.pt", "--out", "x.pt"], "--out must end in .safetensors"),
        (["heads", "build", "--weights", "a", "--classes", "nowhere.json", "--out", "x.safetensors"], "cannot be read"),
        (["demo"], "the following arguments are required: ACTION"),
        (["demo", "build", "--seed", "-1"], "--seed must be from 0 to"),
        (["demo", "build", "--out", "no/such/zoo"], "there is no"),
        (["demo", "build", "--scale", "7"], "--scale must be above 0"),
        (["demo", "card", "no-such-zoo"], "manifest.json is missing"),
        (["demo", "card", "no-such-zoo", "--part", "colour"], "unknown part of a card 'colour'"),
        (
            ["cache", "clear", "--kind", "../x"],
            "unknown kind of entries '../x'. Known: converted, digests, features, images, ",
        ),
        (["cache", "clear", "--kind", "mlos"], "did you mean 'mloss'? Known: converted, digests, features, images, "),
        (["cache", "--kind", "mlos"], "did you mean 'mloss'?"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_two(capsys, monkeypatch, tmp_path, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and error.startswith("error: ")
    assert words in error
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_file_that_is_none(capsys, tmp_path):
    for text, words in (("{", "must be JSON"), ("[]", "must be a JSON object"), ('{"metod": 1}', "unknown 'metod'")):
        (tmp_path / "r.json").write_text(text)
        assert main(["evaluate", "--recipe", str(tmp_path / "r.json")]) == 2
        assert words in capsys.readouterr().err


def test_interrupting_leaves_nothing(capsys, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("mloss_core.merging.merge", interrupt)
    assert main(["merge", "--method", "ties", "--out", str(tmp_path / "x.safetensors")]) == 130
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command", ["zoo", "measure", "merge", "evaluate", "methods", "convert", "heads", "demo", "cache"]
)
def test_help_names_defaults(capsys, command):
    with pytest.raises(SystemExit) as caught:
        main([command, *(["build"] if command in ("demo", "heads") else []), "--help"])
    assert caught.value.code == 0 and ("default" in capsys.readouterr().out)


def test_help_lists_every_method_with_its_options(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    text = capsys.readouterr().out
    for method in METHODS.values():
        assert f"  {method.name}: {method.summary}" in text
        for field in dataclasses.fields(method.options_type):
            assert f"    {field.name}=" in text
    assert "keep_rate=0.2            [0..1] Fraction of each task vector" in text


def test_numbers_that_are_undefined_are_null():
    assert json.loads(json_text({"a": [float("nan"), 1.5, float("inf")], "b": {1: None}})) == {
        "a": [None, 1.5, None],
        "b": {"1": None},
    }


def test_progress_is_shown_on_a_terminal_alone(capsys, monkeypatch):
    with progress_bar() as progress:
        assert progress is silent
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress_bar() as progress:
        progress(0.5, "block 3")
        progress(0.4)
        progress(1.0)
    out, shown = capsys.readouterr()
    assert out == "" and "block 3" in shown


@pytest.fixture
def building(monkeypatch):
    """A stand-in for the training that writes two files; `fail` makes it break off after the first."""
    told = {"fail": None}

    def build(folder, recipe, *, device, processes, start, progress):
        folder.mkdir(exist_ok=True)
        told["recipe"] = recipe
        (folder / "a.safetensors").write_text(f"weights {recipe.seed}")
        if told["fail"]:
            raise told["fail"]
        averages = {
            split: {"zero_shot": {"average": level, "standard_error": 0.01}}
            for split, level in (("val", 0.5), ("test", 0.25))
        }
        manifest = {"average": averages, "chosen": {}, "files": {"a.safetensors": {}}}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        return manifest

    monkeypatch.setattr("mloss_core.demo.build.build_demo_zoo", build)
    return told


def test_demo_build(capsys, tmp_path, building):
    out = tmp_path / "zoo"
    assert main(["demo", "build", "--out", str(out), "--seed", "3"]) == 0
    assert "50.0 ± 1.0" in capsys.readouterr().out
    assert (out / "a.safetensors").read_text() == "weights 3"
    assert _json(capsys, "demo", "build", "--out", str(out))["average"]["val"]["zero_shot"]["average"] == 0.5
    assert (out / "a.safetensors").read_text() == "weights 0", "a zoo is replaced"
    assert [path.name for path in tmp_path.iterdir()] == ["zoo"]
    assert building["recipe"] == DemoRecipe()


def test_a_card_is_measured_anew(capsys, monkeypatch):
    told = {}
    card = fake_manifest(("a", "b", "c"), layers=2)

    def measure(folder, *, device, parts, progress):
        told.update(folder=folder, device=device, parts=list(parts))
        return card

    monkeypatch.setattr("mloss_core.demo.build.measure_card_anew", measure)
    command = ("demo", "card", "my-zoo", "--device", "cpu")
    assert _json(capsys, *command)["curve"] == card["curve"]
    assert told == {"folder": "my-zoo", "device": "cpu", "parts": ["accuracy", "profile", "curve"]}
    assert main([*command, "--part", "curve"]) == 0 and told["parts"] == ["curve"]
    lines = capsys.readouterr().out.splitlines()
    assert "Task Arithmetic λ 0.25  62.0 ± 0.5" not in lines[0] and "TIES k 0.5" in "".join(lines)
    start = next(place for place, line in enumerate(lines) if line.startswith("the first models merged"))
    assert lines[start + 1].split()[0] == "models" and lines[start + 2].split()[:4] == ["2", "48.0", "±", "0.5"]
    assert lines[-1].split() == ["1", "2.000", "±", "0.010", "2.00"]


def test_demo_build_of_another_recipe(capsys, tmp_path, building):
    out, more = tmp_path / "zoo", ["--tasks", "20", "--width", "96", "--optimiser", "sgd"]
    assert main(["demo", "build", "--out", str(out), *more]) == 0
    assert building["recipe"] == DemoRecipe(tasks=20, width=96, optimiser="sgd")
    for option, value, said in (
        ("tasks", "21", "1 to 20"),
        ("width", "70", "multiple of 32"),
        ("optimiser", "x", "sgd"),
    ):
        assert main(["demo", "build", "--out", str(out), f"--{option}", value]) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize(("failure", "code"), [(KeyboardInterrupt(), 130), (CheckpointError("disk full."), 2)])
def test_a_build_that_breaks_off_leaves_the_old_zoo(capsys, tmp_path, building, failure, code):
    out = tmp_path / "zoo"
    assert main(["demo", "build", "--out", str(out)]) == 0
    building["fail"] = failure
    assert main(["demo", "build", "--out", str(out), "--seed", "3"]) == code
    assert (out / "a.safetensors").read_text() == "weights 0"
    building["fail"] = None
    assert main(["demo", "build", "--out", str(out), "--seed", "3"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["zoo"], "what was begun beside is used up"


def test_a_folder_with_other_files_is_not_touched(capsys, tmp_path, building):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["demo", "build", "--out", str(tmp_path)]) == 2
    assert "holds other files" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["demo", "build", "--out", str(tmp_path / "file")]) == 2
    assert "--out must be a folder" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_a_full_disk_is_one_line(capsys, monkeypatch, tmp_path, suffix):
    def full(path, data):
        raise CacheError("cannot write.") from OSError(28, "No space left on device")

    monkeypatch.setattr("mloss_core.cli.common.write_atomically", full)
    assert main(["measure", "--samples", "4", "--out", str(tmp_path / f"map.{suffix}")]) == 2
    assert "No space left on device" in capsys.readouterr().err


def test_what_the_system_refuses_is_one_line(capsys, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", "/somewhere")

    monkeypatch.setattr("mloss_core.opening.open_zoo", refuse)
    assert main(["zoo"]) == 2
    assert capsys.readouterr().err == "error: cannot use /somewhere: Permission denied.\n"


def test_the_module_is_a_command():
    root = Path(mloss_core.__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-m", "mloss_core", "measur"], capture_output=True, text=True, cwd=root, timeout=60
    )
    assert run.returncode == 2 and run.stdout == "" and run.stderr.count("\n") == 1
    assert "--help" in run.stderr and "Traceback" not in run.stderr


def test_a_reader_that_has_enough_is_no_error():
    root = Path(mloss_core.__file__).parents[1]
    line = f"set -o pipefail; {sys.executable} -m mloss_core cache --json | true"
    run = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=root, timeout=60)
    assert (run.stderr, run.returncode) == ("", 0)


def test_table_lines_up():
    assert table(["a", "bb"], [["xxx", "1"]]) == "a    bb\nxxx   1"


def test_tuning_chooses_on_val_and_reports_on_test(capsys):
    answer = _json(capsys, "evaluate", "--tune", "--method", "ties")
    (search,) = answer["tuning"]
    assert answer["split"] == "test" and search["split"] == "val"
    assert answer["rows"][1]["recipe"]["options"]["scale"] == search["scale"]
    assert main(["evaluate", "--tune", "--method", "ties"]) == 0
    assert "the scale was chosen on 60 validation images from" in capsys.readouterr().out


def test_tuning_masks_chooses_a_threshold_for_each_task(capsys):
    answer = _json(capsys, "evaluate", "--tune", "--method", "tall_mask")
    (search,) = answer["tuning"]
    assert search["split"] == "val" and [point["threshold"] for point in search["curve"]] == [0.2, 0.3, 0.4, 0.5, 0.6]
    assert answer["rows"][1]["recipe"]["options"]["thresholds"] == list(search["thresholds"].values())
    assert main(["evaluate", "--tune", "--method", "tall_mask"]) == 0
    assert "each task's threshold was chosen on its own validation images (60 in all)" in capsys.readouterr().out


def test_processors_go_with_a_method(capsys):
    answer = _json(
        capsys, "evaluate", "--method", "task_arithmetic", "--pre", "dare:keep_rate=0.5", "--post", "svc", "--seed", "2"
    )
    assert answer["rows"][1]["model"] == "DARE k 0.5 + Task Arithmetic λ 0.3 + SVC seed 2"
    assert answer["rows"][1]["recipe"]["pre"] == ["dare:keep_rate=0.5"]
    assert main(["evaluate", "--pre", "dare"]) == 2
    assert "--pre belongs to a method" in capsys.readouterr().err


def test_masks_are_saved(capsys, tmp_path):
    from mloss_core.merging.selection.packed_masks import read_masks

    out = tmp_path / "masks.npz"
    answer = _json(capsys, "merge", "--method", "tall_mask", "--out", str(out))
    found = read_masks(out)
    assert found.manifest["digest"] == answer["digest"] and list(found.tasks) == ["apples", "boats", "clouds"]
    assert main(["merge", "--method", "magnitude_mask", "--out", str(out)]) == 0
    assert "of the shared update, mean over tasks" in capsys.readouterr().out


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_a_fresh_cache_can_be_asked_for(capsys, monkeypatch, tmp_path, kind):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    assert _json(capsys, "cache", "--kind", kind)["total"] == 0
    assert _json(capsys, "cache", "clear", "--kind", kind)["freed"] == 0


def test_the_readme_names_the_commands_without_a_device(capsys):
    without = []
    for command in COMMANDS:
        with pytest.raises(SystemExit):
            main([command, *(["build"] if command in ("demo", "heads") else []), "--help"])
        if "--device" not in capsys.readouterr().out:
            without.append(command)
    *some, last = [f"`{command}`" for command in without]
    words = " ".join((Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8").split())
    assert f"`--json`, and, but for {', '.join(some)} and {last}, `--device`" in words
