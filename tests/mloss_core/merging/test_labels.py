import json
import shlex

import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.merging import METHODS, block_presets, command, describe
from mloss_core.recipe import MLossOptions, Recipe


def test_the_papers_block_sets_by_depth():
    assert block_presets(12) == {"all": None, "8,9,10": (8, 9, 10), "0,8,9,10": (0, 8, 9, 10)}
    assert list(block_presets(24).values()) == [None, (20, 21, 22), (0, 20, 21, 22)]
    assert block_presets(4) == {"all": None}


@pytest.mark.parametrize(
    ("recipe", "label"),
    [
        (Recipe(method="average"), "Simple Average"),
        (Recipe(method="task_arithmetic"), "Task Arithmetic λ 0.3"),
        (Recipe(method="ties", options={"scope": "row", "scale": 0.5}), "TIES k 0.2 row λ 0.5"),
        (
            Recipe(method="dare", options={"then": "ties", "trim_keep_rate": 0.1}, seed=3),
            "DARE k 0.7 ties TIES keep rate 0.1 seed 3",
        ),
        (Recipe(method="ties", seed=3), "TIES k 0.2"),
        (Recipe(method="m_ties", blocks=(10, 8, 9)), "M-TIES k 0.8 e 0.1 [8,9,10]"),
        (Recipe(method="m_ties", options={"ranking": "random"}, seed=1), "M-TIES k 0.8 e 0.1 random seed 1"),
        (Recipe(method="m_weights", options={"coefficients": "shuffled"}, seed=1), "M-Weights shuffled seed 1"),
        (Recipe(method="m_weights", options={"coefficients": "shuffled"}, seed=2), "M-Weights shuffled seed 2"),
        (Recipe(method="m_weights", seed=2), "M-Weights"),
        (Recipe(method="m_dare", tasks=("a", "b")), "M-DARE k 0.8 e 0.1 (2 tasks)"),
        (Recipe(method="m_ties", mloss=MLossOptions.preset("reference")), "M-TIES k 0.8 e 0.1 reference M-Loss"),
        (
            Recipe(method="m_ties", mloss=MLossOptions(samples_per_task=64)),
            "M-TIES k 0.8 e 0.1 M-Loss samples_per_task=64",
        ),
        (Recipe(method="ties", mloss=MLossOptions(samples_per_task=64)), "TIES k 0.2"),
        (Recipe(method="ties", pre=("dare",)), "DARE + TIES k 0.2"),
        (Recipe(method="ties", pre=("dare:keep_rate=0.5",), seed=2), "DARE k 0.5 + TIES k 0.2 seed 2"),
        (Recipe(method="tsv_m", pre=("mloss",), blocks=(1, 2)), "M-Loss + TSV-M [1,2]"),
        (
            Recipe(
                method="iso_c",
                pre=("mloss:keep_rate=0.5,schedule=budget_preserving",),
                seed=1,
                mloss=MLossOptions(samples_per_task=64),
            ),
            "M-Loss k 0.5 budget_preserving + Iso-C β 1 M-Loss samples_per_task=64",
        ),
        (Recipe(method="average", pre=("mloss:rule=bernoulli",), seed=1), "M-Loss bernoulli + Simple Average seed 1"),
        (Recipe(method="task_arithmetic", post=("svc",)), "Task Arithmetic λ 0.3 + SVC"),
        (Recipe(method="task_arithmetic", post=("svc:floor=0.1",)), "Task Arithmetic λ 0.3 + SVC a 0.1"),
        (Recipe(method="consensus", options={"combine": "ties"}), "Consensus λ 0.4 k 2 ties α 0.3"),
        (Recipe(method="breadcrumbs", options={"outliers": 0.01}), "Breadcrumbs k 0.15 Outliers 0.01 λ 0.3"),
        (Recipe(method="tall_mask"), "TALL masks λ 0.4 (given the task)"),
        (
            Recipe(method="tall_mask", options={"thresholds": (0.2, 0.6)}),
            "TALL masks Thresholds by task 0.2,0.6 (given the task)",
        ),
    ],
)
def test_labels_by_hand(recipe, label):
    assert describe(recipe) == label


def test_a_command_repeats_every_field_of_the_recipe():
    recipe = Recipe(
        method="m_ties", options={"keep_rate": 0.8, "span": 0.1}, tasks=("a", "b"), blocks=(8, 9, 10), seed=4
    )
    assert command(recipe, "demo") == (
        "python -m mloss_core evaluate --zoo demo --method m_ties --option keep_rate=0.8 --option span=0.1 "
        "--tasks a,b --blocks 8,9,10 --seed 4"
    )


def test_a_zoo_with_odd_characters_is_quoted():
    assert shlex.split(command(Recipe(method="ties"), "my zoo; rm *"))[5] == "my zoo; rm *"


def test_a_command_names_processors_with_their_options():
    recipe = Recipe(method="iso_c", pre=("dare", "mloss:span=0.2"), post=("svc:floor=0.1",), blocks=(1,), seed=2)
    assert command(recipe).endswith(
        "--method iso_c --pre dare --pre mloss:span=0.2 --post svc:floor=0.1 --blocks 1 --seed 2"
    )


def test_a_command_lists_numbers_with_commas():
    recipe = Recipe(method="tall_mask", options={"thresholds": [0.2, 0.6]})
    assert command(recipe).endswith("--method tall_mask --option thresholds=0.2,0.6")


def test_what_flags_cannot_say_goes_as_json():
    recipe = Recipe(method="m_ties", mloss=MLossOptions(samples_per_task=64))
    words = shlex.split(command(recipe, "demo"))
    assert words[:2] == ["printf", "%s"] and words[3] == "|" and words[-2:] == ["--recipe", "/dev/stdin"]
    assert Recipe.from_dict(json.loads(words[2])) == recipe


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_label_and_a_command(method):
    recipe = Recipe(method=method)
    assert describe(recipe).startswith(METHODS[method].title)
    assert command(recipe).endswith(f"--method {method}")


def test_a_bad_recipe_has_neither():
    for words in (describe, command):
        with pytest.raises(InvalidOptionError, match="unknown option 'k'"):
            words(Recipe(method="ties", options={"k": 0.2}))
