import pytest

from mloss_core.errors import UnknownNameError, ZooError
from mloss_core.evaluation.cards import curve_of_card, profile_of_card, rows_of_card
from mloss_core.zoo.embedded import first_of_manifest
from tests.ui.fake_card import fake_manifest

CARD = fake_manifest()
COUNT = len(CARD["tasks"])


def test_rows_run_from_zero_shot_over_merges_and_ensembles_to_individual():
    rows = rows_of_card(CARD)
    assert [row.title for row in rows] == [
        "Zero-shot",
        "Simple Average",
        "Task Arithmetic λ 0.25",
        "TIES k 0.5",
        "Ensemble (features)",
        "Ensemble",
        "Individual",
    ]
    assert rows[0].averages["test"] == CARD["average"]["test"]["zero_shot"]["average"]
    assert {row.kind for row in rows} == {"zero_shot", "merged", "ensemble", "individual"}


def test_a_curve_is_read_by_number_of_models():
    curve = curve_of_card(CARD)
    assert curve.split == "test" and curve.counts == tuple(range(2, COUNT + 1))
    by_name = {row.name: row for row in curve.rows}
    assert by_name["ties"].title == "TIES k 0.2" and by_name["ties"].averages[2] == pytest.approx(0.73)
    assert by_name["ties"].errors[2] == pytest.approx(0.005)


def test_the_profile_is_read_by_block():
    profile = profile_of_card(CARD)
    assert [one.block for one in profile] == list(range(len(profile)))
    assert profile[1].mloss == pytest.approx(2e-6)


def test_the_first_tasks_have_the_beginning_of_the_curve():
    few = first_of_manifest({**CARD, "nested": {"3": {"chosen": {}}}}, 3)
    assert curve_of_card(few).counts == (2, 3)
    assert curve_of_card(few).rows[0].averages == {n: curve_of_card(CARD).rows[0].averages[n] for n in (2, 3)}


def test_a_card_may_lack_curve_and_profile():
    assert curve_of_card({}) is None and profile_of_card({}) == []


@pytest.mark.parametrize(
    ("read", "card"),
    [
        (rows_of_card, {}),
        (rows_of_card, CARD | {"average": []}),
        (curve_of_card, CARD | {"curve": {"rows": {"x": {}}}}),
        (curve_of_card, CARD | {"curve": {"rows": {}, "split": "test", "methods": {}}}),
        (profile_of_card, CARD | {"mloss": {"layers": [{}]}}),
    ],
)
def test_what_a_card_lacks_is_one_sentence(read, card):
    with pytest.raises(ZooError, match="model card is incomplete"):
        read(card)


def test_a_method_that_is_not_there_is_named():
    with pytest.raises(UnknownNameError, match="tise"):
        rows_of_card(CARD | {"chosen": CARD["chosen"] | {"ties": {"method": "tise"}}})
