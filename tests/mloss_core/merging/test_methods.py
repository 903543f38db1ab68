import dataclasses

import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.merging import METHODS, check_recipe, get_method, methods
from mloss_core.merging.methods import Method, register
from mloss_core.options import parse_option
from mloss_core.recipe import Recipe

NAMES = ("average", "task_arithmetic", "ties", "dare", "m_ties", "m_dare")
NUMBERS = [
    (name, field)
    for name, method in METHODS.items()
    for field in dataclasses.fields(method.options_type)
    if field.metadata["maximum"] is not None
]


def test_the_flat_methods_are_registered_under_their_names():
    assert tuple(METHODS)[: len(NAMES)] == NAMES
    assert all(method.name == name for name, method in METHODS.items())


@pytest.mark.parametrize("name", METHODS)
def test_a_record_says_all_that_a_form_and_a_reader_need(name):
    method = METHODS[name]
    assert method.title and method.family and method.summary.endswith(".")
    assert method.origin or method.paper_url.startswith("https://")
    assert callable(method.function) and method.output in ("single", "per_task")
    assert method.needs <= {"mloss", "unlabeled", "labeled"} and method.uses_blocks == ("mloss" in method.needs)
    for field in dataclasses.fields(method.options_type):
        assert field.metadata["label"] and field.metadata["help"].endswith("."), field.name
        assert parse_option(method.options_type, field.name, str(field.default)) == field.default


@pytest.mark.parametrize(("name", "field"), NUMBERS, ids=[f"{name}-{field.name}" for name, field in NUMBERS])
def test_every_range_is_kept(name, field):
    def given(value):
        return (value,) if "tuple" in str(field.type) else value

    for value in (field.metadata["minimum"], field.metadata["maximum"]):
        check_recipe(Recipe(method=name, options={field.name: given(value)}))
    for value in (field.metadata["minimum"] - 0.01, field.metadata["maximum"] + 0.01, float("nan"), "much"):
        with pytest.raises(InvalidOptionError, match=f"{field.name} must be"):
            check_recipe(Recipe(method=name, options={field.name: given(value)}))


def test_the_defaults_are_the_published_ones():
    assert METHODS["task_arithmetic"].options_type().scale == 0.3
    assert dataclasses.asdict(METHODS["ties"].options_type()) == {
        "keep_rate": 0.2,
        "scope": "global",
        "scale": 1.0,
        "merge": "mean",
        "domain": "moving",
    }
    assert METHODS["dare"].options_type().keep_rate == 0.7 and METHODS["dare"].options_type().then == "mean"
    guided = {
        "keep_rate": 0.8,
        "span": 0.1,
        "ranking": "rank",
        "schedule": "one_sided",
        "others": "tensor",
        "scale": 1.0,
    }
    assert dataclasses.asdict(METHODS["m_ties"].options_type()) == guided
    assert dataclasses.asdict(METHODS["m_dare"].options_type()) == {**guided, "target_rule": "bernoulli"}


def test_one_name_is_one_method():
    with pytest.raises(InvalidOptionError, match="'ties' is registered twice"):
        register([METHODS["ties"], METHODS["ties"]])


def test_records_are_frozen_and_the_registry_read_only():
    with pytest.raises(dataclasses.FrozenInstanceError):
        METHODS["ties"].title = "other"
    with pytest.raises(TypeError):
        METHODS["mine"] = METHODS["ties"]
    assert isinstance(get_method("ties"), Method)


@pytest.mark.parametrize(
    ("recipe", "kind", "words"),
    [
        (Recipe(method="tise"), UnknownNameError, "unknown method 'tise': did you mean 'ties'"),
        (Recipe(method="ties", options={"density": 0.2}), InvalidOptionError, "unknown option 'density'"),
        (Recipe(method="ties", options={"scope": "block"}), InvalidOptionError, "scope must be one of global, tensor"),
        (Recipe(method="m_ties", options={"ranking": "top"}), InvalidOptionError, "ranking must be one of rank"),
        (Recipe(method="average", options={"scale": 1.0}), InvalidOptionError, "the options here are none"),
        (
            Recipe(method="ties", blocks=(8,)),
            InvalidOptionError,
            "ties has none; leave them out, put the pre-processor mloss before it, or use m_ties, m_dare",
        ),
        (Recipe(method="ties", pre=("dara",)), UnknownNameError, "unknown pre-processor 'dara': did you mean 'dare'"),
        (Recipe(method="ties", post=("scv",)), UnknownNameError, "unknown post-processor 'scv': did you mean 'svc'"),
        (
            Recipe(method="emr", post=("svc",)),
            InvalidOptionError,
            "svc changes one merged update, and emr gives one mo",
        ),
        (Recipe(method="ties", pre=("dare:k=1",)), InvalidOptionError, "pre-processor 'dare:k=1': unknown option 'k'"),
    ],
)
def test_bad_recipes_are_refused(recipe, kind, words):
    with pytest.raises(kind, match=words):
        check_recipe(recipe)


def test_a_recipe_is_checked_once_and_values_that_no_json_holds_are_refused(monkeypatch):
    asked = []
    plain = methods.build_options
    monkeypatch.setattr(methods, "build_options", lambda *given: asked.append(given) or plain(*given))
    recipe = Recipe(method="ties", options={"keep_rate": 0.37}, seed=11)
    first = check_recipe(recipe)
    assert check_recipe(Recipe(method="ties", options={"keep_rate": 0.37}, seed=11)) == first and len(asked) == 1
    with pytest.raises(InvalidOptionError, match="keep_rate must be"):
        check_recipe(Recipe(method="ties", options={"keep_rate": object()}))
