from mloss_core.wording import listing, percent, span


def test_lists_and_runs_read_as_words():
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b and c"
    assert listing([]) == ""
    assert span([10, 8, 9]) == "8–10"
    assert span([0, 8, 9, 10]) == "0 and 8–10"
    assert span([3]) == "3"
    assert span([1, 2, 5]) == "1, 2 and 5"


def test_fractions_are_said_in_percent_with_one_decimal():
    assert (percent(0.7), percent(1)) == ("70.0 %", "100.0 %")
