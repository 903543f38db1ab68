import dataclasses
import json
import sys
import types
import weakref
from collections.abc import Mapping

import pytest
import torch

from mloss_core.checkpoints import read_safetensors
from mloss_core.errors import (
    CheckpointError,
    InvalidOptionError,
    JobCancelledError,
    LayerNotFoundError,
    UnknownNameError,
)
from mloss_core.merging import METHODS, merge, merge_state_dicts, needs_measuring
from mloss_core.merging.data_driven.records import DATA
from mloss_core.merging.data_driven.zoo_statistics import ZooStatistics
from mloss_core.mloss import measure_mloss
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.state_dicts import state_digest
from tests.mloss_core.merging.models import same
from tests.zoos import tiny_zoo

SINGLE = tuple(name for name, method in METHODS.items() if method.output == "single")
GUIDED = tuple(name for name, method in METHODS.items() if method.uses_blocks)


def fc_key(block):
    return f"transformer.resblocks.{block}.mlp.c_fc.weight"


@dataclasses.dataclass
class Report:
    """What a merge reads of an M-Loss report."""

    tasks: tuple[str, ...]
    node: dict[str, torch.Tensor]
    options: MLossOptions = dataclasses.field(default_factory=MLossOptions)
    zoo_digest: str = ""
    inputs_digest: str | None = None

    def block(self, index):
        return self.node[f"blocks.{index}.mlp.c_fc"]


def report_for(zoo, blocks=None, **facts):
    draw = torch.Generator().manual_seed(9)
    rows = zoo.architecture.mlp_width
    node = {site: torch.rand(rows, generator=draw) for site in zoo.architecture.sites}
    chosen = range(zoo.architecture.layers) if blocks is None else blocks
    chosen_nodes = {f"blocks.{block}.mlp.c_fc": node[f"blocks.{block}.mlp.c_fc"] for block in chosen}
    return Report(zoo.tasks, chosen_nodes, **{"zoo_digest": zoo.digest, **facts})


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo()


@pytest.fixture
def report(zoo):
    return report_for(zoo)


def whole(result, scale=None):
    weights = result.state_dict(scale)
    return {key: weights[key] for key in weights}


def plain(zoo, method, **options):
    return merge_state_dicts(zoo.pretrained.weights, [source.weights for source in zoo.sources()], method, **options)


@pytest.mark.parametrize("method", SINGLE)
def test_a_recipe_gives_what_the_pure_function_gives(zoo, report, method):
    result = merge(zoo, Recipe(method=method, seed=3), report=report)
    scores = {fc_key(block): report.block(block) for block in range(4)} if method in GUIDED else None
    given = {} if scores is None else {"node_mloss": scores}
    if METHODS[method].needs & DATA:
        given = {"statistics": ZooStatistics(zoo, MLossOptions())}
    expected = plain(zoo, method, seed=3, **given)
    assert same(whole(result), expected)


@pytest.mark.parametrize("method", SINGLE)
def test_the_same_recipe_twice_gives_the_same_bits_and_digest(zoo, report, method):
    first, second = (merge(zoo, Recipe(method=method), report=report) for _ in range(2))
    assert same(whole(first), whole(second)) and first.digest == second.digest == state_digest(whole(first))


def test_a_result_carries_all_there_is_to_know(zoo, report):
    recipe = Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.1}, blocks=(1, 2), tasks=zoo.tasks)
    result = merge(zoo, recipe, report=report)
    assert result.recipe == recipe and result.tasks == zoo.tasks and result.scale == 1.0 and result.per_task is None
    assert result.name == "M-TIES k 0.8 e 0.1 [1,2] (3 tasks)"
    assert result.inputs == {
        "pretrained": zoo.pretrained.digest,
        **{task: zoo.finetuned[task].digest for task in zoo.tasks},
    }
    assert result.seconds > 0 and result.versions["torch"] == torch.__version__
    assert set(result.realised_keep) == set(result.update)
    assert result.realised_keep[fc_key(0)] == pytest.approx(0.8, abs=1e-3)
    assert result.realised_keep[fc_key(1)] == pytest.approx(0.72, abs=0.02)
    sizes = {key: zoo.pretrained.weights[key].numel() for key in result.update}
    expected = sum(result.realised_keep[key] * sizes[key] for key in sizes) / sum(sizes.values())
    assert result.kept_fraction == pytest.approx(expected) and 0.7 < expected < 0.8


def test_weights_that_no_model_changed_are_left_out_of_the_update(zoo):
    result = merge(zoo, Recipe(method="average"))
    unmoved = set(zoo.pretrained.weights) - set(result.update)
    assert unmoved and all(torch.equal(result.state_dict()[key], zoo.pretrained.weights[key]) for key in unmoved)


def test_the_scale_can_be_changed_afterwards(zoo):
    result = merge(zoo, Recipe(method="task_arithmetic", options={"scale": 0.3}))
    assert same(whole(result, 0.6), whole(merge(zoo, Recipe(method="task_arithmetic", options={"scale": 0.6}))))
    assert same(whole(result, 0.0), {key: t + 0 for key, t in zoo.pretrained.weights.items()})


def test_blocks_say_where_keep_rates_apply(zoo, report):
    without = whole(merge(zoo, Recipe(method="ties", options={"keep_rate": 0.8, "scope": "tensor"})))
    guided = whole(merge(zoo, Recipe(method="m_ties", options={"span": 0.4}, blocks=(1, 3)), report=report))
    assert {key for key in without if not torch.equal(without[key], guided[key])} == {fc_key(1), fc_key(3)}


def test_without_a_span_it_is_ties_by_row_on_the_blocks_and_by_tensor_elsewhere(zoo):
    by_row = whole(merge(zoo, Recipe(method="ties", options={"keep_rate": 0.8, "scope": "row"})))
    by_tensor = whole(merge(zoo, Recipe(method="ties", options={"keep_rate": 0.8, "scope": "tensor"})))
    found = whole(merge(zoo, Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.0}, blocks=(1, 2))))
    rows = (fc_key(1), fc_key(2))
    assert same(found, {key: (by_row if key in rows else by_tensor)[key] for key in found})
    assert not torch.equal(by_row[fc_key(1)], by_tensor[fc_key(1)])


def test_some_tasks_in_the_zoos_order(zoo):
    names = zoo.tasks
    result = merge(zoo, Recipe(method="ties", tasks=(names[2], names[0])))
    assert result.tasks == (names[0], names[2]) and set(result.inputs) == {"pretrained", names[0], names[2]}
    assert same(whole(result), plain(zoo.subset((names[0], names[2])), "ties"))


def test_a_single_model_comes_back_to_the_last_bit(zoo):
    task = zoo.tasks[1]
    result = merge(zoo, Recipe(method="ties", options={"keep_rate": 1.0}, tasks=(task,)))
    assert same(whole(result), dict(zoo.finetuned[task].weights))
    assert not same(whole(result, 0.5), dict(zoo.finetuned[task].weights))


class Measured:
    """Stands in for the M-Loss room and counts how often it is asked."""

    def __init__(self, zoo):
        self.calls, self.zoo = [], zoo

    def __call__(self, zoo, *, options, progress):
        self.calls.append((zoo.tasks, options))
        progress(1.0, "measured")
        return report_for(zoo, options=options)


@pytest.fixture
def measured(zoo, monkeypatch):
    stand_in = Measured(zoo)
    monkeypatch.setitem(sys.modules, "mloss_core.mloss", types.SimpleNamespace(measure_mloss=stand_in))
    return stand_in


def test_m_loss_is_measured_where_it_decides_and_only_there(zoo, measured):
    options = MLossOptions(samples_per_task=2)
    result = merge(zoo, Recipe(method="m_ties", tasks=zoo.tasks[:2], mloss=options))
    assert measured.calls == [(zoo.tasks[:2], options)]
    given = merge(zoo, Recipe(method="m_ties", tasks=zoo.tasks[:2]), report=report_for(zoo.subset(zoo.tasks[:2])))
    assert same(whole(result), whole(given))
    for recipe in (
        Recipe(method="ties"),
        Recipe(method="m_ties", options={"span": 0.0}),
        *(Recipe(method="m_dare", options={"ranking": name}) for name in ("random", "uniform", "none")),
    ):
        assert not needs_measuring(recipe)
        merge(zoo, recipe)
    assert len(measured.calls) == 1


def test_a_control_without_scores_is_the_same_with_and_without_a_report(zoo, report):
    for ranking in ("random", "uniform", "none"):
        recipe = Recipe(method="m_ties", options={"ranking": ranking, "span": 0.3}, seed=2)
        assert merge(zoo, recipe).digest == merge(zoo, recipe, report=report).digest


def test_the_result_says_with_which_m_loss_options_it_was_really_made(zoo):
    options = MLossOptions.preset("reference")
    assert merge(zoo, Recipe(method="m_ties"), report=report_for(zoo, options=options)).recipe.mloss == options


def test_a_report_of_other_models_or_blocks_is_refused(zoo):
    fewer = report_for(zoo.subset(zoo.tasks[:2]))
    with pytest.raises(
        InvalidOptionError, match="must be of the models that are merged, apples, boats, clouds; it is of"
    ):
        merge(zoo, Recipe(method="m_ties"), report=fewer)
    with pytest.raises(InvalidOptionError, match="must cover the recipe's blocks; it lacks 0, 3"):
        merge(zoo, Recipe(method="m_ties", blocks=(0, 1, 3)), report=report_for(zoo, blocks=(1, 2)))
    wider = report_for(zoo)
    wider.node["blocks.2.mlp.c_fc"] = torch.rand(5)
    with pytest.raises(InvalidOptionError, match=r"one number for each of its 64 rows; found shape \(5,\)"):
        merge(zoo, Recipe(method="m_ties"), report=wider)


def test_bad_requests_are_refused(zoo):
    with pytest.raises(LayerNotFoundError, match="blocks must be among 0 to 3 here"):
        merge(zoo, Recipe(method="m_ties", blocks=(8, 9, 10)))
    with pytest.raises(UnknownNameError, match="unknown task 'digits'"):
        merge(zoo, Recipe(method="ties", tasks=("digits",)))
    with pytest.raises(InvalidOptionError, match="ties has none"):
        merge(zoo, Recipe(method="ties", blocks=(1,)))
    with pytest.raises(InvalidOptionError, match="device must be auto, cpu or cuda:N"):
        merge(zoo, Recipe(method="ties"), device="toaster")


@pytest.mark.parametrize("method", SINGLE)
def test_streaming_gives_the_same_weights_and_a_file_that_tells_its_story(zoo, report, method, tmp_path):
    out = tmp_path / "merged.safetensors"
    recipe = Recipe(method=method, seed=1)
    streamed, kept = merge(zoo, recipe, report=report, out=out), merge(zoo, recipe, report=report)
    with read_safetensors(out) as file:
        assert same({key: file[key] for key in kept.state_dict()}, whole(kept))
        assert file.digest == streamed.digest == kept.digest
        facts = {name: json.loads(text) for name, text in file.metadata.items()}
    assert Recipe.from_dict(facts["recipe"]) == recipe and facts["inputs"] == dict(kept.inputs)
    assert facts["architecture"]["layers"] == 4 and facts["tasks"] == list(zoo.tasks)
    assert same(whole(streamed), whole(kept)) and streamed.realised_keep == kept.realised_keep
    assert same(whole(streamed, 0.5), whole(kept, 0.5)) and streamed.kept_fraction == kept.kept_fraction


class Lazy(Mapping):
    """Weights that are read anew at each access, and a count of the tensors that are alive at once."""

    alive, most = weakref.WeakSet(), 0

    def __init__(self, weights):
        self.weights = weights

    def __getitem__(self, key):
        tensor = self.weights[key].clone()
        Lazy.alive.add(tensor)
        Lazy.most = max(Lazy.most, len(Lazy.alive))
        return tensor

    def __iter__(self):
        return iter(self.weights)

    def __len__(self):
        return len(self.weights)


@pytest.mark.parametrize("method", [name for name in SINGLE if not METHODS[name].holds_a_layer])
def test_streaming_holds_a_few_tensors_whatever_the_number_of_models(method, tmp_path):
    zoo = tiny_zoo(tasks=8, layers=2)
    Lazy.most = 0
    lazy = dataclasses.replace(
        zoo,
        pretrained=dataclasses.replace(zoo.pretrained, weights=Lazy(zoo.pretrained.weights)),
        finetuned={
            task: dataclasses.replace(encoder, weights=Lazy(encoder.weights)) for task, encoder in zoo.finetuned.items()
        },
    )
    merge(lazy, Recipe(method=method), report=report_for(zoo), out=tmp_path / "merged.safetensors")
    assert 2 <= Lazy.most <= 4


def test_a_cancelled_merge_leaves_nothing_behind(zoo, tmp_path):
    def progress(fraction, message=""):
        if fraction > 0.8:
            raise JobCancelledError("the merge was cancelled.")

    with pytest.raises(JobCancelledError):
        merge(zoo, Recipe(method="ties"), out=tmp_path / "merged.safetensors", progress=progress)
    assert not list(tmp_path.iterdir())


def test_a_bad_target_is_refused(zoo, tmp_path):
    with pytest.raises(CheckpointError, match="is a folder"):
        merge(zoo, Recipe(method="average"), out=tmp_path)
    source = tmp_path / "apples.safetensors"
    pretrained = dataclasses.replace(zoo.pretrained, source=str(source))
    with pytest.raises(InvalidOptionError, match=r"must not replace a model of the zoo; .* holds pretrained"):
        merge(dataclasses.replace(zoo, pretrained=pretrained), Recipe(method="average"), out=source)


def test_progress_rises_to_1(zoo, measured):
    for recipe in (Recipe(method="ties"), Recipe(method="m_ties"), Recipe(method="average")):
        seen = []
        merge(zoo, recipe, progress=lambda fraction, message="", seen=seen: seen.append(fraction))
        assert seen == sorted(seen) and seen[0] >= 0 and seen[-1] == 1.0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("method", SINGLE)
def test_a_gpu_keeps_the_same_entries_and_agrees_to_rounding(zoo, report, method):
    there, here = (merge(zoo, Recipe(method=method), report=report, device=device) for device in ("cuda:0", "cpu"))
    assert there.realised_keep == here.realised_keep
    for key, tensor in whole(here).items():
        assert torch.allclose(there.state_dict()[key], tensor, rtol=1e-6, atol=1e-7)


def test_reports_of_other_models_are_refused_though_their_names_agree():
    zoo, other = tiny_zoo(3), tiny_zoo(3, seed=9)
    report = measure_mloss(other, samples_per_task=2)
    with pytest.raises(InvalidOptionError, match="measured on others of the same names"):
        merge(zoo, Recipe(method="m_ties"), report=report)


def test_reports_on_another_networks_inputs_are_refused():
    zoo = tiny_zoo(3)
    report = measure_mloss(zoo, samples_per_task=2, inputs_of=zoo.finetuned["boats"].weights)
    with pytest.raises(InvalidOptionError, match="Measure again without inputs_of"):
        merge(zoo, Recipe(method="m_ties"), report=report)


def test_weights_of_models_keep_to_the_zoos_order():
    recipe = Recipe(method="m_ties", tasks=("boats", "apples"), mloss=MLossOptions(weights=(0.9, 0.1)))
    with pytest.raises(InvalidOptionError, match="Name them as apples, boats"):
        merge(tiny_zoo(3), recipe)


def test_a_merge_beyond_what_floats_hold_is_refused():
    """In memory as in a file; the models themselves are finite."""
    zoo = tiny_zoo(2)
    huge = {**zoo.pretrained.weights, fc_key(0): torch.full_like(zoo.pretrained.weights[fc_key(0)], 2e38)}
    finetuned = {
        task: dataclasses.replace(source, weights=huge) for task, source in zip(zoo.tasks, zoo.sources(), strict=True)
    }
    with pytest.raises(CheckpointError, match=r"c_fc\.weight has values beyond what float32 holds"):
        merge(dataclasses.replace(zoo, finetuned=finetuned), Recipe(method="task_arithmetic", options={"scale": 1.0}))
