import itertools

import pytest

from mloss_core.mergeability.pair_names import pair_text, read_pair

ODD = ("a|b", "a", "b|", "|", "50%", "%7C", "%257C", "%25", "a,b & c", 'it\'s "x"', "<a href='x'>", "Größe 数", "")


@pytest.mark.parametrize(("first", "second"), list(itertools.permutations(ODD, 2)))
def test_any_two_names_come_back(first, second):
    assert read_pair(pair_text(first, second)) == (first, second)


def test_texts_of_other_pairs_differ():
    assert len({pair_text(*pair) for pair in itertools.permutations(ODD, 2)}) == len(ODD) * (len(ODD) - 1)


def test_plain_names_stay_readable():
    assert pair_text("digits", "letters & co") == "digits|letters & co"


@pytest.mark.parametrize("text", ["a", "", "a|b|c", "||"])
def test_other_texts_are_no_pair(text):
    assert read_pair(text) is None
