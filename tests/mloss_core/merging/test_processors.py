"""Processors as recipes write them, DARE with options, and M-Loss keep rates before any method."""

import dataclasses

import numpy as np
import pytest
import torch

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.merging import METHODS, POST, PRE, check_recipe, merge, merge_state_dicts, needs_measuring
from mloss_core.merging.processors import AFTER, BEFORE, read_processor, steps_before, write_processor
from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile
from mloss_core.merging.sparsifiers.steps import Drop, RowGuide
from mloss_core.mloss import measure_mloss
from mloss_core.options import parse_option
from mloss_core.recipe import Recipe
from tests.mloss_core.merging import dense
from tests.mloss_core.merging.models import SCORED, close, extras, finetuned, node_mloss, pretrained, same
from tests.zoos import tiny_zoo

BASE = pretrained(torch.float64)
MODELS = finetuned(BASE)
SCORES = node_mloss(BASE)
SINGLE = tuple(name for name, method in METHODS.items() if method.output == "single")


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


def merged(method, pre, models=MODELS, seed=0, **options):
    needed = {**extras(method, BASE), "node_mloss": SCORES}
    return merge_state_dicts(BASE, models, method, seed=seed, pre=pre, **needed, **options)


@pytest.mark.parametrize("record", [*PRE.values(), *POST.values()], ids=lambda record: record.name)
def test_a_record_says_all_that_a_form_and_a_reader_need(record):
    assert record.title and record.summary.endswith(".") and record.paper_url.startswith("https://")
    assert callable(record.function) if record.name in POST else record.options_type().step()
    for field in dataclasses.fields(record.options_type):
        assert field.metadata["label"] and field.metadata["help"].endswith("."), field.name
        assert parse_option(record.options_type, field.name, str(field.default)) == field.default


def test_entries_say_a_name_or_a_name_with_options():
    assert steps_before(("dare", "dare:keep_rate=0.5")) == (Drop(0.7), Drop(0.5))
    guide = RowGuide(keep_rate=0.8, span=0.1, ranking="rank", schedule="one_sided")
    assert steps_before(("mloss",)) == (guide,)
    assert steps_before(("mloss: span = 0.2 , rule=bernoulli",)) == (
        dataclasses.replace(guide, span=0.2, rule="bernoulli"),
    )
    assert read_processor(AFTER, "svc:floor=none")[1].floor is None


@pytest.mark.parametrize(
    ("kind", "text", "error", "words"),
    [
        (BEFORE, "svc", UnknownNameError, "unknown pre-processor 'svc'"),
        (AFTER, "dare", UnknownNameError, "unknown post-processor 'dare'"),
        (BEFORE, "dare:", InvalidOptionError, "options are written dare:FIELD=VALUE,FIELD=VALUE, each field once; fou"),
        (BEFORE, "dare:0.5", InvalidOptionError, "each field once; found '0.5'"),
        (BEFORE, "dare:keep_rate=1,keep_rate=0", InvalidOptionError, "each field once; found 'keep_rate=0'"),
        (BEFORE, "dare:keep_rate=2", InvalidOptionError, "'dare:keep_rate=2': keep_rate must be from 0 to 1; found 2"),
        (BEFORE, "dare:keep_rate=x", InvalidOptionError, "keep_rate must be a number, found 'x'"),
        (BEFORE, "mloss:order=1", InvalidOptionError, "unknown option 'order': the options here are keep_rate, span"),
    ],
)
def test_other_text_is_refused_in_one_sentence(kind, text, error, words):
    with pytest.raises(error, match=words):
        read_processor(kind, text)


def test_a_recipe_round_trips_with_its_processors():
    recipe = Recipe(method="iso_c", pre=("dare:keep_rate=0.5", "mloss"), post=("svc:floor=0.1",))
    assert Recipe.from_json(recipe.to_json()) == recipe
    check_recipe(recipe)
    check_recipe(recipe.replace(blocks=(0,)))


def test_dare_before_task_arithmetic_is_dare_up_to_the_number_of_models():
    summed = merge_state_dicts(BASE, MODELS, "task_arithmetic", pre=("dare:keep_rate=0.5",), scale=1 / 3, seed=3)
    assert close(summed, merge_state_dicts(BASE, MODELS, "dare", keep_rate=0.5, seed=3))
    everything = merge_state_dicts(BASE, MODELS, "ties", pre=("dare:keep_rate=1",))
    assert same(everything, merge_state_dicts(BASE, MODELS, "ties"))


def trimmed_models(schedule="one_sided"):
    """The models with the scored rows trimmed, entry by entry, and all else as it is."""
    found = []
    for model in MODELS:
        state = dict(model)
        for key in SCORED:
            rates = keep_rate_profile(SCORES[key].numpy(), 0.4, 0.4, schedule=schedule)
            delta = (model[key] - BASE[key]).numpy()
            state[key] = BASE[key] + torch.tensor(dense.trim_rows(delta, rates))
        found.append(state)
    return found


@pytest.mark.parametrize("method", [name for name in SINGLE if not METHODS[name].random])
@pytest.mark.parametrize("schedule", ["one_sided", "budget_preserving"])
def test_mloss_before_any_method_is_that_method_on_trimmed_models(method, schedule):
    found = merged(method, (f"mloss:keep_rate=0.4,span=0.4,schedule={schedule}",))
    expected = merge_state_dicts(BASE, trimmed_models(schedule), method, **extras(method, BASE))
    assert close({**found, "position_ids": expected["position_ids"]}, expected)
    unguided = merge_state_dicts(BASE, MODELS, method, **extras(method, BASE))
    # Breadcrumbs keep so little of a row that the guide takes nothing of it.
    assert "breadcrumbs" in method or not torch.equal(found["fc1.weight"], unguided["fc1.weight"])


def test_mloss_with_a_random_rule_hangs_on_the_seed_and_keeps_the_mean():
    first, second = (merged("average", ("mloss:rule=bernoulli,span=0.4",), seed=seed) for seed in (0, 1))
    assert not torch.equal(first["fc1.weight"], second["fc1.weight"])
    assert torch.equal(first["fc1.bias"], second["fc1.bias"])
    draws = [merged("average", ("mloss:rule=bernoulli",), seed=seed)["fc1.weight"] for seed in range(400)]
    np.testing.assert_allclose(
        torch.stack(draws).mean(0), merge_state_dicts(BASE, MODELS, "average")["fc1.weight"], atol=0.02
    )


def test_the_order_of_processors_counts():
    first = merged("average", ("dare:keep_rate=0.5", "mloss:keep_rate=0.5"))
    second = merged("average", ("mloss:keep_rate=0.5", "dare:keep_rate=0.5"))
    assert not torch.equal(first["fc1.weight"], second["fc1.weight"])
    alone = merge_state_dicts(BASE, MODELS, "average", pre=("dare:keep_rate=0.5",))
    assert torch.equal(first["fc1.bias"], alone["fc1.bias"])


def test_scores_are_needed_exactly_where_something_is_guided():
    with pytest.raises(InvalidOptionError, match="the pre-processor mloss needs node_mloss, a mapping"):
        merge_state_dicts(BASE, MODELS, "ties", pre=("mloss",))
    with pytest.raises(InvalidOptionError, match="ties takes no node_mloss"):
        merge_state_dicts(BASE, MODELS, "ties", pre=("dare",), node_mloss=SCORES)
    with pytest.raises(InvalidOptionError, match="one number for each of its 7 rows"):
        merge_state_dicts(BASE, MODELS, "iso_c", pre=("mloss",), node_mloss={"fc1.weight": torch.zeros(3)})


def test_only_real_guides_need_measuring():
    assert needs_measuring(Recipe(method="iso_c", pre=("mloss",)))
    for options in ("span=0", "ranking=random", "ranking=uniform", "ranking=none"):
        assert not needs_measuring(Recipe(method="iso_c", pre=(f"mloss:{options}",)))
    assert not needs_measuring(Recipe(method="iso_c", pre=("dare",)))
    assert needs_measuring(Recipe(method="m_ties", options={"span": 0.0}, pre=("mloss",)))


def test_in_a_zoo_mloss_is_measured_or_taken_from_a_report_and_kept_to_blocks(zoo):
    recipe = Recipe(method="tsv_m", pre=("mloss:keep_rate=0.5",), blocks=(0,))
    result, report = merge(zoo, recipe), measure_mloss(zoo)
    assert merge(zoo, recipe, report=report).digest == result.digest
    kept = {key: share for key, share in result.realised_keep.items() if "c_fc.weight" in key}
    guided = [key for key, share in kept.items() if share < 0.6]
    assert len(guided) == 1 and guided[0].endswith("resblocks.0.mlp.c_fc.weight") and len(kept) > 1
    assert result.name == "M-Loss k 0.5 + TSV-M [0]"


def test_before_a_method_of_its_own_both_prune(zoo):
    once, twice = (merge(zoo, Recipe(method="m_ties", pre=pre)) for pre in ((), ("mloss:keep_rate=0.5",)))
    assert twice.kept_fraction < once.kept_fraction


def test_before_methods_with_one_model_a_task(zoo):
    result = merge(zoo, Recipe(method="tall_mask", pre=("mloss",)))
    assert result.digest != merge(zoo, Recipe(method="tall_mask")).digest


@pytest.mark.parametrize("text", ["dare", "dare:keep_rate=0.5", "mloss:keep_rate=0.7,span=0.2,rule=bernoulli"])
def test_an_entry_is_written_as_it_is_read(text):
    processor, options = read_processor(BEFORE, text)
    assert write_processor(processor, dataclasses.asdict(options)) == text
