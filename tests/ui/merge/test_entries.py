import json

import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.methods import tidy
from mloss_core.recipe import MLossOptions, Recipe
from ui.merge.entries import (
    MAX_ENTRIES,
    MAX_TEXT,
    Entry,
    add_entries,
    entries_from_text,
    entries_to_text,
    remove,
    rename,
    row_labels,
)

M_TIES = Recipe(method="m_ties", options={"keep_rate": 0.7, "span": 0.2}, blocks=(8, 9, 10), seed=3)


def test_a_link_gives_the_same_entries_back():
    full = Recipe(method="m_dare", tasks=("digits", "shapes"), mloss=MLossOptions.preset("reference"), pre=("dare",))
    entries = (Entry(M_TIES, "mine"), Entry(tidy(full)), Entry(Recipe(method="average")))
    text = entries_to_text(entries)
    assert entries_from_text(text) == (entries, "")
    assert " " not in text.replace("mine", "")


def test_the_text_holds_only_what_is_not_usual():
    text = entries_to_text([Entry(tidy(Recipe(method="ties", options={"keep_rate": 0.2, "scope": "row"})))])
    assert json.loads(text) == [{"method": "ties", "options": {"scope": "row"}}]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "no JSON"),
        ("[" * 5000, "no JSON"),
        ('{"method": "ties"}', "not a list"),
        ("[" + " " * MAX_TEXT + "]", "too long"),
        ("[7]", "must be a JSON object; found a int"),
        ('[{"method": "tise"}]', "did you mean 'ties'"),
        ('[{"method": "ties", "options": {"keep_rate": 2}}]', "keep_rate must be from 0 to 1"),
        ('[{"method": "ties", "exec": 1}]', "unknown 'exec'"),
        ('[{"method": "ties", "blocks": [1]}]', "blocks say where"),
        ('[{"method": "ties", "name": 3}]', "name must be text"),
        ('[{"method": "ties", "options": 5}]', ""),
        ('[{"method": "m_ties", "blocks": [12]}]', "block 12 does not exist; this encoder has blocks 0 to 11"),
        ('[{"method": "ties", "tasks": ["cats"]}]', "no task 'cats'"),
    ],
)
def test_what_a_link_may_not_say_is_left_out_with_one_sentence(text, words):
    entries, problem = entries_from_text(text, tasks=("digits", "shapes"), layers=12)
    assert entries == ()
    assert problem and words in problem


def test_good_recipes_of_a_partly_bad_link_stay():
    entries, problem = entries_from_text('[{"method":"nope"},{"method":"average"},{"method":"average"}]')
    assert [entry.recipe.method for entry in entries] == ["average"]
    assert problem.startswith("Part of the link was left out: unknown method 'nope'")


def test_a_link_with_too_many_recipes_is_cut():
    text = json.dumps([{"method": "ties", "options": {"keep_rate": index / 100}} for index in range(30)])
    entries, problem = entries_from_text(text)
    assert len(entries) == MAX_ENTRIES and "only the first 24" in problem


def test_the_same_merge_is_added_once_however_it_is_written():
    once = add_entries((), [Recipe(method="ties"), Recipe(method="ties", options={"keep_rate": 0.2})])
    assert len(once) == 1
    assert add_entries(once, [Recipe(method="ties", options={"scale": 1.0})]) == once


def test_a_full_comparison_says_so():
    entries = add_entries((), [Recipe(method="ties", options={"keep_rate": i / 100}) for i in range(MAX_ENTRIES)])
    with pytest.raises(InvalidOptionError, match="at most 24 recipes; it has 24 and 1 more"):
        add_entries(entries, [Recipe(method="average")])


def test_renaming_removing_and_labels():
    entries = (Entry(M_TIES), Entry(Recipe(method="average")), Entry(Recipe(method="ties")))
    renamed = rename(entries, M_TIES.digest, "  Simple \n Average ")
    assert renamed[0].label == "Simple Average"
    assert list(row_labels(renamed).values())[:2] == ["Simple Average", "Simple Average (2)"]
    assert rename(renamed, M_TIES.digest, " ")[0].label == "M-TIES k 0.7 e 0.2 [8,9,10]"
    assert remove(entries, [M_TIES.digest]) == entries[1:]


HUGE = "9" * 4400


@pytest.mark.parametrize(
    "text",
    [
        f'[{{"method": "ties", "seed": {HUGE}}}]',
        f'[{{"method": "ties", "seed": -{HUGE[:4000]}}}]',
        f'[{{"method": "ties", "options": {{"scale": {HUGE[:4000]}}}}}]',
        '[{"method": "ties", "name": "\\ud800"}]',
        '[{"method": "ties", "tasks": ["\\ud800"]}]',
        '[{"method": "ties", "options": {"\\ud800": 1}}]',
        '[{"method": "ties", "options": {"scale": 1e999}}]',
        '[{"method": "m_ties", "blocks": [1e400]}]',
        f'[{{"method": "{"t" * 5900}"}}]',
        f'[{{"method": "ties", "options": {{"{"x" * 5900}": 1}}}}]',
        "[" * 3000,
        "[NaN]",
        '[{"method": ["ties"]}]',
        '[{"method": "ties", "mloss": [1]}]',
        '[{"method": "ties", "tasks": [[]]}]',
    ],
)
def test_any_link_is_one_short_sentence(text):
    entries, problem = entries_from_text(text, ("a", "b"), 12)
    assert entries == () and problem.endswith(".") and "\n" not in problem
    assert len(problem.encode()) < 600
