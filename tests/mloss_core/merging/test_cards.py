import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.merging import METHODS
from mloss_core.merging.cards import method_card, read_cards

COMING = ("tsv_c", "iso_iasad", "regmean", "regmean_pp", "fisher", "wudi", "m_weights", "svc")


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.origin is None])
def test_every_method_has_a_card(name):
    card = method_card(name)
    assert card is not None, f"write a card of {name} into cards.yaml"
    assert ("unlabeled" in card.data.lower()) >= ("mloss" in METHODS[name].needs)
    assert ("told the task" in card.idea) or METHODS[name].output == "single" or name == "magnitude_mask"


@pytest.mark.parametrize("name", sorted({*read_cards(), *COMING}))
def test_a_card_is_two_sentences_a_balanced_formula_and_facts(name):
    card = read_cards()[name]
    assert card.idea.endswith(".") and card.idea.count(". ") >= 1
    assert all(text.endswith(".") for text in (card.data, card.cost, *card.faults))
    assert card.formula.count("{") == card.formula.count("}") and "\\" in card.formula
    assert card.formula.count("\\left") == card.formula.count("\\right") and "$" not in card.formula


def test_what_has_no_card(tmp_path):
    assert method_card("median") is None
    (tmp_path / "cards.yaml").write_text("ties: {idea: A., formula: x}\n")
    with pytest.raises(InvalidOptionError, match="the card of ties must hold cost, data, faults, formula, idea"):
        read_cards(tmp_path / "cards.yaml")
