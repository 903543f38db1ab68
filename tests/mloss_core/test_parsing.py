import json
import time

import pytest

from mloss_core import parsing as structured
from mloss_core.errors import InvalidOptionError, MLossCoreError
from mloss_core.merging.run_files import parse_recipes
from mloss_core.parsing import is_yaml, parse_object, read_text
from mloss_core.recipe import MLossOptions, Recipe


def test_yaml_and_json_say_the_same():
    text = "method: m_ties\noptions: {keep_rate: 0.8, span: 1e-1}\nblocks: [8, 9, 10]\nmloss:\n  samples_per_task: 8\n"
    recipe = Recipe.from_yaml(text)
    assert recipe == Recipe(
        method="m_ties",
        options={"keep_rate": 0.8, "span": 0.1},
        blocks=(8, 9, 10),
        mloss=MLossOptions(samples_per_task=8),
    )
    assert Recipe.from_json(recipe.to_json()) == recipe and Recipe.from_yaml(recipe.to_json()) == recipe
    assert is_yaml("a.YML") and is_yaml("a.yaml") and not is_yaml("a.json") and not is_yaml("/dev/stdin")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", r"it must be YAML; line 1, column 6: expected ',' or '\]'"),
        ("- 1", "it must be a YAML object; found a list"),
        ("", "it must be a YAML object; found a NoneType"),
        ("a: &x [1]\nb: *x", r"^it must be YAML without references \(\*name\)\.$"),
        ("a: !!python/object/apply:os.system [ls]", "it must be YAML without tags"),
        ("a: !!timestamp foo", "without tags"),
        ("a: !!bool foo", "without tags"),
        ('a: !!int ""', "without tags"),
        ("a: !!set {b, c}", "without tags"),
        ('a: "\\ud800"', "it must be"),
        ("a: 1\na: 2", "^it must name each field once; found 'a' twice"),
        ("{a: {b: 1, b: 2}}", "found 'b' twice"),
        ("1: 2", "names in it must be words; found 1"),
        ("a: 2001-99-99", "it must be YAML; month must be in 1..12"),
        ("a: \x00", "it must be YAML"),
        ("[" * 5000, "nested too deep"),
    ],
)
def test_faulty_yaml_is_one_sentence(text, words):
    with pytest.raises(InvalidOptionError, match=words) as caught:
        parse_object(text, "it", yaml=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{'a': 1}", "it must be JSON; line 1, column 2"),
        ("[]", "it must be a JSON object; found a list"),
        ('{"a": 1, "a": 2}', "must name each field once"),
        ('{"a": "\\ud800"}', "it must be text; found half a letter"),
        ('{"a":' * 100_000, "nested too deep"),
    ],
)
def test_faulty_json_is_one_sentence(text, words):
    with pytest.raises(InvalidOptionError, match=words):
        parse_object(text, "it")


def test_what_is_long_or_unreadable_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(structured, "MAX_BYTES", 10)
    path = tmp_path / "r.yaml"
    path.write_text("a: 2345678")
    assert read_text(path, "recipe") == "a: 2345678"
    path.write_text("a: 23456789")
    with pytest.raises(InvalidOptionError, match=r"the recipe .*r.yaml must be at most 10 letters"):
        read_text(path, "recipe")
    with pytest.raises(InvalidOptionError, match="it must be at most 10 letters"):
        parse_object("a: 23456789", "it", yaml=True)
    path.write_bytes(b"\xff")
    with pytest.raises(InvalidOptionError, match="cannot be read: it is no text"):
        read_text(path, "recipe")
    with pytest.raises(InvalidOptionError, match="cannot be read: No such file"):
        read_text(tmp_path / "none", "recipe")


@pytest.mark.parametrize("yaml", [False, True])
@pytest.mark.parametrize("text", ['{"a": [%s]}', '{"a": {"b": [[%s]]}}'])
def test_long_lists_are_refused(text, yaml):
    with pytest.raises(InvalidOptionError, match="must hold lists of at most 1,000 items; found 1001"):
        parse_object(text % ", ".join(["1"] * 1001), "it", yaml=yaml)
    assert parse_object(text % ", ".join(["1"] * 1000), "it", yaml=yaml)
    assert parse_object(json.dumps({"a": [1] * 2000}), "it", most=5000)


def test_objects_of_many_names_are_refused():
    with pytest.raises(InvalidOptionError, match="objects of at most 1,000 items; found 2000"):
        parse_object(json.dumps({str(place): 0 for place in range(2000)}), "it")


def test_what_is_near_the_limit_takes_no_second():
    started = time.process_time()
    for text, yaml in (
        (json.dumps({"recipes": [{"method": "ties"}] * 45000}), False),
        ("recipes:\n" + "- {method: ties}\n" * 5500, True),
        ("a: [" + "1, " * 330000 + "1]", True),
        (json.dumps({"method": "t" * 900000}), False),
    ):
        with pytest.raises(MLossCoreError) as caught:
            parse_recipes(text, yaml=yaml)
        assert len(str(caught.value)) < 400
    assert time.process_time() - started < 4
