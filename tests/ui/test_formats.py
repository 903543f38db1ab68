import math

import pytest

from ui import formats


@pytest.mark.parametrize(
    ("fraction", "error", "text"),
    [
        (0.7123, None, "71.2 %"),
        (0.7123, 0.0061, "71.2 ± 0.6 %"),
        (0.0, 0.0, "0.0 ± 0.0 %"),
        (None, 0.1, "–"),
        (math.nan, None, "–"),
        (0.5, math.nan, "50.0 %"),
    ],
)
def test_percent(fraction, error, text):
    assert formats.percent(fraction, error) == text


@pytest.mark.parametrize(
    ("difference", "text"), [(0.0341, "+3.4 points"), (-0.1, "−10.0 points"), (0.0, "+0.0 points"), (None, "–")]
)
def test_points_carry_their_sign(difference, text):
    assert formats.points(difference) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0000123, "12.3 × 10⁻⁶"),
        (0.00099999, "1.00 × 10⁻³"),
        (0.5, "0.500"),
        (0.05, "50.0 × 10⁻³"),
        (999.0, "999"),
        (1234.0, "1.23 × 10³"),
        (-0.002, "−2.00 × 10⁻³"),
        (0, "0"),
        (math.inf, "–"),
    ],
)
def test_engineering_uses_exponents_in_threes(value, text):
    assert formats.engineering(value) == text


def test_measured_shows_value_and_error_at_one_exponent():
    assert formats.measured(0.0000123, 0.0000004) == "12.3 ± 0.4 × 10⁻⁶"
    assert formats.measured(0.00000505, 0.000000137) == "5.05 ± 0.14 × 10⁻⁶"
    assert formats.measured(0.0000123, math.nan) == "12.3 × 10⁻⁶"
    assert formats.measured(0.0, 0.001) == "0 ± 1.00 × 10⁻³"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.034, "0.034 s"), (9.96, "10.0 s"), (12.4, "12 s"), (125, "2 min 5 s"), (3780, "1 h 3 min"), (None, "–")],
)
def test_seconds(value, text):
    assert formats.seconds(value) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_100_000, "2.1 MB"), (3.5e12, "3500.0 GB")]
)
def test_size(count, text):
    assert formats.size(count) == text


def test_count_groups_digits_and_digest_is_cut():
    assert formats.count(617600) == "617\u202f600"
    assert formats.short_digest("abcdef0123456789") == "abcdef0123"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![a](http://h/x.png)", r"!\[a\](http:~//h/x.png)"),
        ("m_ties at 12:30, a: b.", "m_ties at 12:30, a: b."),
        ("_a_ **b** `c` $d$ ~e~", r"\_a\_ \*\*b\*\* \`c\` \$d\$ \~e\~"),
        (":red[x] :smile: :100: :material/home:", r":~red\[x\] :~smile: :~100: :~material/home:"),
        ("<b>&lt;</b> a|b", r"\<b\>\&lt;\</b\> a\|b"),
        ("a@b.de www.x.de", "a@~b.de www~.x.de"),
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("1. a", r"1\. a"),
        ("a\nb  c", "a b c"),
        ("C:\\x", "C:\\\\x"),
    ],
)
def test_foreign_text_is_no_markup(text, shown):
    """`~` stands for the joiner that nobody sees."""
    assert formats.plain(text) == shown.replace("~", "\u2060") if r"\~" not in shown else formats.plain(text) == shown
