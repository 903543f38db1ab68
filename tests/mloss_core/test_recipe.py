import json

import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.recipe import MLossOptions, Recipe

FULL = Recipe(
    method="m_ties",
    options={"keep_rate": 0.8, "span": 0.1},
    tasks=("a", "b"),
    blocks=(10, 8, 9, 8),
    mloss=MLossOptions(samples_per_task=4, weights=(0.25, 0.75)),
    pre=("dare",),
    seed=3,
)


def test_json_round_trip():
    assert Recipe.from_json(FULL.to_json()) == FULL
    assert Recipe.from_json(FULL.to_json()).digest == FULL.digest
    assert json.loads(FULL.to_json())["blocks"] == [8, 9, 10]
    assert Recipe.from_json('{"method": "ties"}') == Recipe(method="ties")


def test_recipes_are_frozen_and_usable_as_keys():
    source = {"keep_rate": 0.2}
    recipe = Recipe(method="ties", options=source)
    source["keep_rate"] = 0.9
    assert recipe.options["keep_rate"] == 0.2
    with pytest.raises(TypeError):
        recipe.options["keep_rate"] = 1
    with pytest.raises(AttributeError):
        recipe.method = "dare"
    assert len({recipe, Recipe(method="ties", options={"keep_rate": 0.2}), FULL}) == 2
    assert recipe.replace(seed=1).digest != recipe.digest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON; line 1, column 2"),
        ("[]", "must be a JSON object; found a list"),
        ("{}", "found no 'method'"),
        ('{"method": "ties", "path": "x", "_target_": "os.system"}', "found unknown '_target_', 'path'"),
        ('{"method": "ties", "blocks": "8"}', "blocks must be a list of block indices; found '8'"),
        ('{"method": "ties", "blocks": [true]}', "blocks must be a list of block indices"),
        ('{"method": "ties", "tasks": [1]}', "tasks must be a list of names"),
        ('{"method": "ties", "seed": -1}', "seed must be a whole number of at least 0; found -1"),
        ('{"method": "ties", "mloss": {"tokens": "some"}}', "tokens must be one of all, class, patches; found 'some'"),
        ('{"method": "ties", "mloss": {"code": "x"}}', "unknown option 'code'"),
    ],
)
def test_a_closed_schema(text, words):
    with pytest.raises(InvalidOptionError, match=words):
        Recipe.from_json(text)


def test_presets():
    reference = MLossOptions.preset("reference", samples_per_task=4)
    assert (reference.input_mode, reference.activation, reference.samples_per_task) == ("pretrained", "gelu_tanh", 4)
    assert MLossOptions.preset("paper") == MLossOptions()
    with pytest.raises(UnknownNameError, match="did you mean 'paper'"):
        MLossOptions.preset("papers")


def test_mloss_options_round_trip_and_checks():
    options = MLossOptions(weights=(0.5, 0.5), seed=7)
    assert MLossOptions.from_dict(json.loads(json.dumps(options.to_dict()))) == options
    with pytest.raises(InvalidOptionError, match=r"weights must sum to 1; found a sum of 0\.9"):
        MLossOptions(weights=(0.4, 0.5))
    with pytest.raises(InvalidOptionError, match=r"samples_per_task must be a whole number; found 1\.5"):
        MLossOptions(samples_per_task=1.5)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"method": "ties", "options": 5}, "options must be values by name; found 5"),
        ({"method": "ties", "options": [1]}, "options must be values by name"),
        ({"method": "ties", "tasks": 5}, "tasks must be a list of names; found 5"),
        ({"method": "ties", "blocks": 8}, "blocks must be a list of block indices; found 8"),
        ({"method": None}, "a recipe holds .* found no 'method'"),
        ({"method": ["ties"]}, "method must be a name"),
        ({"method": "ties", "mloss": 5}, "mloss must be options by name; found 5"),
        ({"method": "m_ties", "mloss": {"weights": 3}}, "weights must be a list of numbers; found 3"),
        ({"method": "m_ties", "mloss": {"weights": "ab"}}, "weights must be a list of numbers"),
        ({"method": "m_ties", "mloss": {"weights": [float("nan"), 1]}}, "weights must sum to 1"),
    ],
)
def test_values_of_the_wrong_kind_are_one_sentence(values, words):
    with pytest.raises(InvalidOptionError, match=words):
        Recipe.from_dict(values)


def test_options_with_several_numbers_round_trip():
    listed, tupled = (Recipe(method="tall_mask", options={"thresholds": kind((0.2, 0.4))}) for kind in (list, tuple))
    assert listed == tupled == Recipe.from_json(listed.to_json()) and listed.digest == tupled.digest
    assert listed.to_dict()["options"] == {"thresholds": [0.2, 0.4]}
