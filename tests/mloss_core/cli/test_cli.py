"""The command line on a tiny zoo: answers, shapes of JSON, and one clear line for bad input."""

import json

import pytest

from mloss_core import Recipe
from mloss_core.cli import main
from mloss_core.cli.common import table
from tests.zoos import tiny_zoo

M_TIES = ["--method", "m_ties", "--option", "keep_rate=0.8", "--option", "span=0.1", "--blocks", "1,2"]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


@pytest.fixture(autouse=True)
def opened(monkeypatch, zoo):
    monkeypatch.setattr("mloss_core.zoo.open_zoo", lambda source="demo", device="auto": zoo)


def _json(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_zoo(capsys):
    answer = _json(capsys, "zoo")
    assert [model["name"] for model in answer["models"]] == ["pretrained", "apples", "boats", "clouds"]
    assert main(["zoo"]) == 0
    assert "boats" in capsys.readouterr().out


def test_measure(capsys, tmp_path):
    answer = _json(capsys, "measure", "--samples", "4", "--tasks", "apples,clouds")
    assert answer["tasks"] == ["apples", "clouds"] and answer["samples_per_task"] == 4
    assert {"block", "site", "nodes", "mloss", "normalised", "standard_error"} == set(answer["layers"][0])
    assert len(answer["layers"]) == 4 and answer["zoo"]["name"] == "tiny"
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
        "zero_shot", "merged", "merged", "ensemble", "ensemble", "individual",
    ]  # fmt: skip
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
        (["evaluate", "--split", "train-ish"], "a split is one of"),
        (["evaluate", "--tasks", "cats", "--method", "ties"], "unknown task 'cats'"),
        (["evaluate", "--recipe", "nowhere.json"], "the recipe nowhere.json cannot be read"),
        (["evaluate", "--weights", "nowhere.pt"], "no weight file nowhere.pt"),
        (["measure", "--samples", "0"], "samples_per_task must be from 1"),
        (["measure", "--samples", "many"], "invalid int value"),
        (["measure", "--tasks", "boats"], "at least two models"),
        (["measure", "--preset", "papier"], "did you mean 'paper'"),
        (["measure", "--out", "map.png"], "--out must end in .json or .csv"),
        (["merge", "--out", "x.safetensors"], "give one recipe"),
        (["merge", "--method", "ties", "--out", "no/such/folder/x.safetensors"], "cannot write"),
        (["demo", "build", "--scale", "7"], "--scale must be above 0"),
        (["cache", "clear", "--kind", "../x"], "kind"),
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


@pytest.mark.parametrize("command", ["zoo", "measure", "merge", "evaluate", "demo", "cache"])
def test_help_names_defaults(capsys, command):
    with pytest.raises(SystemExit) as caught:
        main([command, *(["build"] if command == "demo" else []), "--help"])
    assert caught.value.code == 0 and ("default" in capsys.readouterr().out)


def test_table_lines_up():
    assert table(["a", "bb"], [["xxx", "1"]]) == "a    bb\nxxx   1"
