import pytest

from mloss_core.recipe import Recipe
from tests.pages.merge_lab import zoo
from ui.merge.presets import uploaded_entries


def test_a_recipe_or_a_run_joins_the_comparison():
    entries, problem = uploaded_entries("r.yaml", b"method: ties\noptions: {keep_rate: 0.5}\n", zoo())
    assert [entry.recipe for entry in entries] == [Recipe(method="ties", options={"keep_rate": 0.5})] and not problem
    run = b'{"recipes": [{"preset": "ties@adamerging"}, {"method": "average"}], "split": "val"}'
    entries, problem = uploaded_entries("run.json", run, zoo())
    assert [entry.recipe.method for entry in entries] == ["ties", "average"] and not problem


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("r.yaml", b"method: [", "r.yaml: a recipe or a run must be YAML; line 1"),
        ("r.json", b"{}", "r.json: a recipe holds method"),
        ("r.json", b'{"method": "tise"}', "r.json: unknown method 'tise'"),
        ("r.json", b"\xff\xfe", "r.json is no text."),
        ("r.json", b'{"method": "ties", "tasks": ["boats"]}', "Part of r.json was left out: this zoo has no task"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(name, content, words):
    entries, problem = uploaded_entries(name, content, zoo())
    assert entries == () and problem.startswith(words)
