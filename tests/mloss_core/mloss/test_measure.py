import dataclasses

import numpy as np
import pytest
import torch

from mloss_core import MLossOptions
from mloss_core.caching import Cache
from mloss_core.errors import DatasetError, InvalidOptionError, JobCancelledError, LayerNotFoundError, UnknownNameError
from mloss_core.mloss import inputs, measure_mloss, node_mloss
from mloss_core.mloss.report import MLossReport
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.state_dicts import average
from mloss_core.vision.architecture import weight_key
from mloss_core.zoo.model import Encoder
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3, activation="quick_gelu")


def _dense(zoo, mode, tokens=slice(None), activation="quick_gelu"):
    """The definition in double precision, without streaming: every input and pre-activation at once."""
    images = draw_calibration(zoo, samples_per_task=5).images.double()
    states = [{key: value.double() for key, value in encoder.weights.items()} for encoder in zoo.sources()]
    base = {"pretrained": zoo.pretrained.weights, "progressive": average(states)}.get(mode)
    towers = [zoo.tower(state).double() for state in (states if base is None else [base])]
    seen: list[dict[int, torch.Tensor]] = []
    for tower in towers:
        found: dict[int, torch.Tensor] = {}
        for block, layer in enumerate(tower.transformer.resblocks):
            layer.mlp.c_fc.register_forward_pre_hook(lambda _, a, block=block, found=found: found.update({block: a[0]}))
        with torch.no_grad():
            tower(images)
        seen.append(found)
    values = {}
    for block, site in enumerate(zoo.architecture.sites):
        key = weight_key(site)
        z = torch.stack(
            [
                seen[i if len(seen) > 1 else 0][block][:, tokens] @ s[key].T + s[key.replace("weight", "bias")]
                for i, s in enumerate(states)
            ]
        )
        values[site] = node_mloss(z.flatten(1, 2), activation=activation)
    return values


def _assert_close(found, expected):
    """Equal up to what single precision rounds: about 1e-7 of the activations, which M-Loss squares."""
    torch.testing.assert_close(found.double().sqrt(), expected.sqrt(), rtol=1e-5, atol=5e-7)


@pytest.mark.parametrize("mode", ["progressive", "pretrained", "own"])
def test_equals_the_dense_definition(zoo, mode):
    report = measure_mloss(zoo, options=MLossOptions(samples_per_task=5, input_mode=mode))
    for site, expected in _dense(zoo, mode).items():
        _assert_close(report.node[site], expected)


@pytest.mark.parametrize(("tokens", "part"), [("class", slice(0, 1)), ("patches", slice(1, None))])
def test_tokens(zoo, tokens, part):
    report = measure_mloss(zoo, options=MLossOptions(samples_per_task=5, tokens=tokens))
    for site, expected in _dense(zoo, "progressive", part).items():
        _assert_close(report.node[site], expected)


def test_modes_differ_from_the_first_block_on(zoo):
    first = [
        measure_mloss(zoo, options=MLossOptions(samples_per_task=5, input_mode=mode)).block(0)
        for mode in ("progressive", "pretrained", "own")
    ]
    assert not torch.allclose(first[0], first[1]) and not torch.allclose(first[0], first[2])


def test_layers_are_means_of_nodes(zoo):
    report = measure_mloss(zoo, samples_per_task=5)
    assert list(report.layers.columns) == ["block", "site", "nodes", "mloss", "normalised", "standard_error"]
    for row in report.layers.itertuples():
        assert row.mloss == pytest.approx(float(report.block(row.block).mean()), rel=1e-5)
        assert 0 < row.standard_error < row.mloss and row.normalised > 0
    assert report.share(report.blocks) == pytest.approx(1)
    assert len(report.top_blocks(2)) == 2


def test_per_image_values_average_to_the_nodes(zoo):
    report = measure_mloss(zoo, samples_per_task=5)
    for site, values in report.per_image.items():
        np.testing.assert_allclose(values.mean(0), report.node[site].numpy(), rtol=1e-4)
        assert values.shape == (15, 64)
    assert report.image_task.tolist() == [0] * 5 + [1] * 5 + [2] * 5


def test_standard_error_is_that_of_resampled_images(zoo):
    """Against the textbook error of a stratified mean, which the bootstrap must approach."""
    report = measure_mloss(zoo, samples_per_task=20)
    site = report.sites[1]
    layer = report.per_image[site].mean(1).reshape(3, 20)
    textbook = np.sqrt((layer.var(1) / 20).sum()) / 3
    assert report.layers["standard_error"][1] == pytest.approx(textbook, rel=0.25)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_batch_size_does_not_change_values(zoo, monkeypatch, tmp_path, size):
    monkeypatch.setattr(inputs, "batch_size", lambda _: size)
    found = measure_mloss(zoo, samples_per_task=5, cache=Cache(tmp_path))
    expected = _dense(zoo, "progressive")
    for site in found.sites:
        _assert_close(found.node[site], expected[site])
    errors = measure_mloss(zoo, samples_per_task=5).layers["standard_error"]
    np.testing.assert_allclose(found.layers["standard_error"], errors, rtol=1e-3)


def test_groups_of_images_do_not_change_values(zoo, monkeypatch, tmp_path):
    """When the tokens of all images do not fit, several passes are made."""
    monkeypatch.setattr(inputs, "GROUP_BYTES", 4 * 4 * zoo.architecture.tokens * zoo.architecture.width)
    found = measure_mloss(zoo, samples_per_task=5, cache=Cache(tmp_path))
    for site, expected in _dense(zoo, "progressive").items():
        _assert_close(found.node[site], expected)
    assert next(iter(found.per_image.values())).shape == (15, 64)


def test_weights_are_read_block_by_block(zoo, tmp_path):
    """Each tensor of each model is read once, and none after the last block that is asked for."""
    read: list[str] = []

    class Counting(dict):
        def __getitem__(self, key):
            read.append(key)
            return super().__getitem__(key)

    counting = dataclasses.replace(
        zoo, finetuned={t: dataclasses.replace(e, weights=Counting(e.weights)) for t, e in zoo.finetuned.items()}
    )
    measure_mloss(counting, samples_per_task=2, blocks=[1], cache=Cache(tmp_path))
    assert not any("resblocks.2" in key or "resblocks.3" in key for key in read)
    assert {read.count(key) for key in read if "resblocks.0" in key} == {3}, "once from each of three models"


def test_identical_sources_have_no_mloss(zoo):
    same = dataclasses.replace(zoo, finetuned={t: Encoder(t, zoo.pretrained.weights, t) for t in zoo.tasks})
    assert measure_mloss(same, samples_per_task=2).layers["mloss"].max() < 1e-12
    assert measure_mloss(zoo, ["boats"], samples_per_task=2).layers["mloss"].max() == 0


def test_weights_change_the_measure_and_its_inputs(zoo):
    even = measure_mloss(zoo, samples_per_task=3)
    uneven = measure_mloss(zoo, samples_per_task=3, preset=MLossOptions(weights=(0.8, 0.1, 0.1)))
    assert not torch.allclose(even.block(0), uneven.block(0))
    with pytest.raises(InvalidOptionError, match="each of the 2 models; found 3"):
        measure_mloss(zoo, ["apples", "boats"], preset=MLossOptions(weights=(0.8, 0.1, 0.1)))


def test_reduction_keeps_ranks(zoo):
    square = measure_mloss(zoo, samples_per_task=3).block(1)
    root = measure_mloss(zoo, samples_per_task=3, preset=MLossOptions(reduction="root_mean_square")).block(1)
    torch.testing.assert_close(root.square(), square, rtol=1e-4, atol=1e-12)


def test_reference_preset_draws_other_images_for_each_block(zoo):
    big = tiny_zoo(3, images=120)
    report = measure_mloss(big, preset="reference")
    assert report.activation == "gelu_tanh" and len(report.image_task) == 300
    assert "pool of 300 training images" in report.notes[0]
    assert (report.layers["mloss"] > 0).all()


def test_given_inputs_of_a_merged_model(zoo):
    merged = average([encoder.weights for encoder in zoo.sources()])
    given = measure_mloss(zoo, samples_per_task=5, inputs_of=merged)
    torch.testing.assert_close(given.block(2), measure_mloss(zoo, samples_per_task=5).block(2))


def test_cached_report_equals_the_fresh_one(zoo, tmp_path):
    cache = Cache(tmp_path)
    fresh = measure_mloss(zoo, samples_per_task=4, cache=cache)
    again = measure_mloss(zoo, samples_per_task=4, cache=cache)
    assert again.digest == fresh.digest and again.seconds == fresh.seconds
    for site in fresh.sites:
        assert torch.equal(fresh.node[site], again.node[site])
    assert again.layers.equals(fresh.layers)
    copy = MLossReport.from_entry(*fresh.to_entry())
    assert copy.options == fresh.options and copy.tasks == fresh.tasks


def test_an_unwritable_cache_costs_nothing_but_a_note(zoo, tmp_path):
    (tmp_path / "file").write_text("")
    report = measure_mloss(zoo, samples_per_task=2, cache=Cache(tmp_path / "file"))
    assert "Not kept for later" in report.notes[0]


def test_blocks_subset_and_groups(zoo):
    report = measure_mloss(zoo, samples_per_task=3, blocks=[2, 0])
    assert report.blocks == (0, 2)
    frame = report.to_frame(25)
    assert frame[frame.block == 0][["first_node", "last_node"]].to_numpy().tolist() == [[0, 24], [25, 49], [50, 63]]
    assert frame["mloss"][2] == pytest.approx(float(report.block(0)[50:].mean()), rel=1e-5)
    with pytest.raises(LayerNotFoundError, match=r"block 1 was not measured; this report has blocks \[0, 2\]"):
        report.block(1)
    with pytest.raises(InvalidOptionError, match="at least 1 node; found 0"):
        report.to_frame(0)


def test_progress_and_cancelling(zoo, tmp_path):
    seen: list[float] = []
    measure_mloss(zoo, samples_per_task=2, seed=7, cache=Cache(tmp_path), progress=lambda f, _="": seen.append(f))
    assert seen == sorted(seen) and seen[-1] == 1

    def stop(fraction: float, message: str = "") -> None:
        raise JobCancelledError("stop")

    with pytest.raises(JobCancelledError):
        measure_mloss(zoo, samples_per_task=2, seed=8, cache=Cache(tmp_path), progress=stop)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"preset": "papier"}, UnknownNameError, "did you mean 'paper'"),
        ({"tasks": ["apple"]}, UnknownNameError, "did you mean 'apples'"),
        ({"blocks": [9]}, LayerNotFoundError, "among 0 to 3 here"),
        ({"samples_per_task": 41}, DatasetError, "apples has 40 training images; 41 were asked for"),
        ({"samples_per_task": 0}, InvalidOptionError, "samples_per_task must be from 1"),
    ],
)
def test_bad_input(zoo, arguments, error, words):
    with pytest.raises(error, match=words):
        measure_mloss(zoo, **arguments)
