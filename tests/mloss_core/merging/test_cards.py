import pytest

from mloss_core.merging import METHODS
from mloss_core.merging.processors import POST

BUILT_IN = [name for name, method in METHODS.items() if method.origin is None]
CARDS = {name: METHODS[name].card for name in BUILT_IN} | {name: record.card for name, record in POST.items()}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_method_has_a_card(name):
    card = METHODS[name].card
    assert card is not None, f"write a card into the record of {name}"
    assert ("unlabeled" in card.data.lower()) >= ("mloss" in METHODS[name].needs)
    assert METHODS[name].output == "single" or "told the task" in card.idea + METHODS[name].summary


@pytest.mark.parametrize("name", CARDS)
def test_a_card_is_two_sentences_a_balanced_formula_and_facts(name):
    card = CARDS[name]
    assert card.idea.endswith(".") and card.idea.count(". ") >= 1
    assert all(text.endswith(".") for text in (card.data, card.cost, *card.faults))
    assert card.formula.count("{") == card.formula.count("}") and "\\" in card.formula
    assert card.formula.count("\\left") == card.formula.count("\\right") and "$" not in card.formula
