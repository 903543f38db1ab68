import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mloss_core.cli.main import main
from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.lab import requests
from mloss_core.merging import METHODS, check_recipe, get_method, merge_state_dicts, plugins
from mloss_core.merging.methods import check_plugins, plugin_digest
from mloss_core.recipe import Recipe
from tests.mloss_core.merging.plugin_files import example, write

ROOT = Path(__file__).resolve().parents[3]
HEAD = "from mloss_core.merging import Method\nimport dataclasses\n@dataclasses.dataclass\nclass O: pass\n"


@pytest.fixture
def median(tmp_path, monkeypatch):
    path = write(tmp_path)
    monkeypatch.setenv(plugins.VARIABLE, str(path))
    return path


def problem(monkeypatch, *paths):
    monkeypatch.setenv(plugins.VARIABLE, os.pathsep.join(map(str, paths)))
    assert len(METHODS.problems) == 1 and "ties" in METHODS
    with pytest.raises(InvalidOptionError, match="cannot be used"):
        check_plugins()
    return METHODS.problems[0]


def test_the_example_of_the_docs_merges(median):
    base = {"w": torch.zeros(1, 3)}
    models = [{"w": torch.tensor([row])} for row in ([1.0, 5.0, 0.0], [2.0, -1.0, 0.0], [9.0, 3.0, 4.0])]
    assert merge_state_dicts(base, models, method="median", scale=0.5)["w"].tolist() == [[1.0, 1.5, 0.0]]
    assert "median" in METHODS and list(METHODS)[-1] == "median" and len(METHODS) == len(list(METHODS))
    assert METHODS["median"].origin.where == str(median)
    with pytest.raises(InvalidOptionError, match="scale must be from 0 to 3; found 7"):
        check_recipe(Recipe(method="median", options={"scale": 7.0}))


def test_without_the_variable_there_is_no_plugin(median, monkeypatch):
    assert get_method("median").title == "Median"
    monkeypatch.delenv(plugins.VARIABLE)
    with pytest.raises(UnknownNameError, match="unknown method 'median'"):
        get_method("median")
    assert METHODS.problems == ()


def test_a_changed_file_is_read_again_and_is_another_request(median):
    params = {"zoo": "demo", "recipe": Recipe(method="median").to_dict(), "split": "test"}
    keys = [requests.request_key("recipe", params, "cpu") for _ in range(2)]
    plain = {**params, "recipe": Recipe(method="ties").to_dict()}
    other = requests.request_key("recipe", plain, "cpu")
    digest = plugin_digest("median")
    median.write_text(example().replace("median(dim=0).values", "amax(dim=0)"), encoding="utf-8")
    base, models = {"w": torch.zeros(1, 1)}, [{"w": torch.full((1, 1), value)} for value in (1.0, 2.0, 9.0)]
    assert merge_state_dicts(base, models, method="median")["w"].item() == 9.0
    assert plugin_digest("median") != digest and plugin_digest("ties") is None
    assert keys[0] == keys[1] != requests.request_key("recipe", params, "cpu")
    assert other == requests.request_key("recipe", plain, "cpu")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nothing_of_that_name", "importing it fails with ModuleNotFoundError: No module named 'nothing_of"),
        ("def f(:", "importing it fails with SyntaxError"),
        ("raise SystemExit(3)", "importing it fails with SystemExit: 3"),
        ("x = 1", "a plugin gives METHODS, a list of .*; found None"),
        ("METHODS = ['ties']", "found 'ties' among them"),
        (
            HEAD + "METHODS = Method(name='ties', title='T', family='F', summary='S', options_type=O, target=print)",
            "the name 'ties' is that of a built-in method",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='TIES', family='Flat', summary='S', options_type=O, target=print)",
            "the title 'TIES' is that of a built-in method",
        ),
        (
            HEAD + "METHODS = Method(name='Ties!', title='T', family='F', summary='S', options_type=O, target=print)",
            "lower-case letters, digits and _; found 'Ties!'",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=3, target=print)",
            "options_type of t must be a dataclass; found 3",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=O, target=3)",
            "target of t must be a function",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=O)",
            "t needs a target, or options with a plan",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=O, target=print, "
            "output='both')",
            "output of t must be single or per_task; found 'both'",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=O, target=print, "
            "needs=frozenset({'mloss'}))",
            "goes with uses_blocks",
        ),
        (
            HEAD + "@dataclasses.dataclass\nclass P:\n    a: int = 3\n"
            "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=P, target=print)",
            "options of t must be made by mloss_core.options.option; a is not",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='T', family=3, summary='S', options_type=O, target=print)",
            "family of t must be a text; found 3",
        ),
        (
            HEAD + "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=O, target=print, "
            "needs=None)",
            "needs of t must be a set of labeled, mloss, unlabeled; found None",
        ),
        (HEAD + "def given():\n    yield 1 / 0\nMETHODS = given()", "listing its METHODS fails with ZeroDivisionError"),
        (
            HEAD + "METHODS = [Method(name='t', title=title, family='F', summary='S', options_type=O, target=print)"
            " for title in 'AB']",
            "the name 't' is that of the plugin",
        ),
        (
            HEAD
            + "@dataclasses.dataclass\nclass P:\n    a: int = dataclasses.field(metadata={'label': 'A'}, default=1)\n"
            "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=P, target=print)",
            "options of t must be made by",
        ),
        (
            HEAD + "from mloss_core.options import option\n@dataclasses.dataclass\nclass P:\n"
            "    a: int = dataclasses.field(metadata=dict(option(1, label='', help='').metadata))\n"
            "METHODS = Method(name='t', title='T', family='F', summary='S', options_type=P, target=print)",
            "making the options of t fails with TypeError",
        ),
    ],
)
def test_a_broken_plugin_is_one_sentence_and_the_rest_works(tmp_path, monkeypatch, source, words):
    with pytest.raises(InvalidOptionError, match=words):
        raise InvalidOptionError(problem(monkeypatch, write(tmp_path, "broken", source)))


def test_files_that_are_missing_or_no_python(tmp_path, monkeypatch):
    assert "cannot be read: No such file" in problem(monkeypatch, tmp_path / "none.py")
    assert "must name .py files" in problem(monkeypatch, tmp_path / "none.txt")


def test_two_plugins_of_one_name_and_a_good_one_beside_a_broken_one(tmp_path, monkeypatch):
    first, good = write(tmp_path), write(tmp_path, "middle")
    again = write(tmp_path, "again", example())
    assert f"the name 'median' is that of the plugin {first}" in problem(monkeypatch, first, again, good)
    assert METHODS["median"].origin.where == str(first) and "middle" in METHODS


def test_an_installed_package_brings_methods(monkeypatch, tmp_path):
    module = tmp_path / "its_methods.py"
    module.write_text(example(), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib.metadata

    point = importlib.metadata.EntryPoint("mine", "its_methods", plugins.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == plugins.GROUP else [])
    loaded = plugins.load({})
    assert list(loaded.methods) == ["median"] and loaded.problems == ()
    assert loaded.methods["median"].origin.where == "mine (its_methods)"
    first = loaded.methods["median"].origin.digest
    module.write_text(example() + "# more\n", encoding="utf-8")
    assert plugins.load({}).methods["median"].origin.digest != first


def test_the_command_line_takes_the_method_and_refuses_a_broken_plugin(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(plugins.VARIABLE, str(write(tmp_path)))
    out = str(tmp_path / "m.safetensors")
    assert main(["merge", "--method", "median", "--option", "scale=0.5", "--out", out]) == 0
    assert "Median Scale 0.5" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["merge", "--help"])
    assert "  median: The median of the task vectors." in capsys.readouterr().out
    monkeypatch.setenv(plugins.VARIABLE, str(tmp_path / "none.py"))
    assert main(["zoo"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and said.startswith("error: the plugin ") and "none.py cannot be used" in said


def test_an_unknown_method_says_that_a_plugin_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv(plugins.VARIABLE, str(tmp_path / "none.py"))
    with pytest.raises(UnknownNameError, match=r"unknown method 'median'.*none\.py cannot be used"):
        get_method("median")


def test_the_result_names_the_plugin(median):
    from mloss_core import merge, open_zoo

    zoo = open_zoo("demo", device="cpu").subset(("digits", "signs"))
    assert merge(zoo, Recipe(method="median")).versions["plugin"] == plugin_digest("median")


def test_a_worker_refuses_a_job_whose_plugin_changed_while_it_waited(median, monkeypatch):
    from mloss_core.lab.jobs import worker

    params = {"zoo": "demo", "recipe": Recipe(method="median").to_dict(), "split": "test"}
    job = SimpleNamespace(kind="recipe", params=params, device="cpu", key=requests.request_key("recipe", params, "cpu"))
    monkeypatch.setattr(worker, "run_now", lambda *given: "done")
    own = SimpleNamespace(zoos=None)
    assert worker.Worker._work(own, job, None) == "done"
    median.write_text(example() + "# changed\n", encoding="utf-8")
    with pytest.raises(InvalidOptionError, match="changed while this waited"):
        worker.Worker._work(own, job, None)


def test_the_tests_of_the_registry_run_on_a_plugin(median):
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-vv",
            "-p",
            "no:cacheprovider",
            "-k",
            "median",
            *(f"tests/mloss_core/merging/test_{name}.py" for name in ("methods", "labels", "state_dict_merge")),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        env=dict(os.environ),
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "reader_need[median] PASSED" in run.stdout and run.stdout.count("PASSED") >= 8
