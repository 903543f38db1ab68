import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.methods import METHODS, check_recipe
from mloss_core.options import parse_option
from mloss_core.recipe import Recipe

SPECTRAL = ("tsv_m", "iso_c", "iso_cts")


@pytest.mark.parametrize("name", SPECTRAL)
def test_what_the_spectral_methods_share(name):
    method = METHODS[name]
    options = method.options_type()
    assert method.family == "Spectral" and method.output == "single" and not method.random and not method.needs
    assert (options.scale, options.vectors, options.vector_factor) == (1.0, "mean", 1.0)
    assert (options.qkv, options.rank) == ("as_stored", "numerical")


def test_the_defaults_are_the_published_ones():
    assert METHODS["tsv_m"].options_type().compression is None and METHODS["tsv_m"].options_type().orthogonalise
    assert METHODS["iso_c"].options_type().beta == 1.0
    assert METHODS["iso_cts"].options_type().common_fraction == 0.8


def test_options_as_they_are_typed():
    typed = METHODS["tsv_m"].options_type
    assert parse_option(typed, "compression", "none") is None and parse_option(typed, "compression", "4") == 4
    assert parse_option(typed, "orthogonalise", "no") is False


@pytest.mark.parametrize(
    ("method", "options", "words"),
    [
        ("tsv_m", {"compression": 0}, "compression must be from 1 to 100; found 0"),
        ("tsv_m", {"orthogonalise": "yes"}, "orthogonalise must be true or false"),
        ("iso_c", {"beta": 1.5}, "beta must be from 0 to 1; found 1.5"),
        ("iso_c", {"vectors": "median"}, "vectors must be one of mean, sum, zero"),
        ("iso_cts", {"common_fraction": 80}, "common_fraction must be from 0 to 1; found 80"),
        ("iso_cts", {"rank": "low"}, "rank must be one of numerical, full"),
        ("iso_cts", {"beta": 0.5}, "unknown option 'beta'"),
    ],
)
def test_bad_options_are_refused(method, options, words):
    with pytest.raises(InvalidOptionError, match=words):
        check_recipe(Recipe(method=method, options=options))
