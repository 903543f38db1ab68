"""One report for library and pages: group errors, tensors on access, and opening it from the cache without torch."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import mloss_core
from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.mloss import measure_mloss
from mloss_core.mloss.detail import NodeDetail
from mloss_core.mloss.report import MLossReport
from mloss_core.recipe import MLossOptions
from tests.ui.fake_payloads import inside_node, report_of
from tests.zoos import tiny_zoo

ROOT = Path(mloss_core.__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def report():
    return measure_mloss(tiny_zoo(3), samples_per_task=10)


def small_report(images=None):
    values = np.array([[1.0, 2.0, 3.0], [0.0, 8.0, 4.0]])
    return report_of(values, values / 10, images, image_task=(0, 0))


def test_groups_are_means_and_the_last_one_may_be_smaller():
    groups = small_report().groups(2)
    assert groups.first.tolist() == [0, 2] and groups.last.tolist() == [1, 2]
    assert groups.centre.tolist() == [0.5, 2.0]
    assert groups.mloss.tolist() == [[1.5, 3.0], [4.0, 4.0]]
    assert groups.worst.tolist() == [[1, 2], [1, 2]]


def test_without_images_the_nodes_of_a_group_err_together():
    np.testing.assert_allclose(small_report().groups(2).standard_error, [[0.15, 0.3], [0.4, 0.4]])


def test_group_of_one_and_group_of_all():
    report = small_report()
    assert report.groups(1).mloss.tolist() == report.values.tolist()
    assert report.groups(99).mloss.tolist() == [[2.0], [4.0]]
    with pytest.raises(InvalidOptionError, match="at least 1 node; found 0"):
        report.groups(0)


def test_group_errors_come_from_the_images_when_they_are_kept():
    # Node 0 and 1 of block 0 vary against each other: their mean is the same for both images.
    images = np.array([[[0.0, 3.0, 2.0], [2.0, 1.0, 4.0]], [[0.0, 8.0, 4.0], [0.0, 8.0, 4.0]]])
    errors = small_report(images).groups(2).standard_error
    assert errors[0, 0] == pytest.approx(0, abs=1e-12)
    assert errors[0, 1] == pytest.approx(np.std([2.0, 4.0], ddof=1) / np.sqrt(2), rel=0.15)
    assert errors[1] == pytest.approx([0, 0], abs=1e-12)


def test_tasks_that_differ_do_not_widen_the_errors_of_groups():
    """Every draw has as many images of each task: what lies between the tasks is no sampling error."""
    draw = np.random.default_rng(0)
    task = np.repeat([0, 1], 50)
    images = draw.normal(0, 1, (2, 100, 4)) + 100.0 * task[:, None]
    report = report_of(images.mean(axis=1), np.ones((2, 4)), images, task, samples_per_task=50)
    groups = images.reshape(2, 2, 50, 2, 2).mean(-1)
    textbook = np.sqrt((groups.var(axis=2, ddof=1) / 50).sum(axis=1)) / 2
    np.testing.assert_allclose(report.groups(2).standard_error, textbook, rtol=0.25)


@pytest.mark.parametrize("reduction", ["mean_square", "root_mean_square"])
def test_groups_meet_the_errors_of_nodes_and_layers(reduction):
    """A group of all nodes is the layer; groups of one are the nodes, also when they are resampled anew."""
    report = measure_mloss(tiny_zoo(3), options=MLossOptions(samples_per_task=10, reduction=reduction))
    layers = report.groups(report.nodes)
    np.testing.assert_allclose(layers.mloss[:, 0], report.layer_values, rtol=1e-5)
    np.testing.assert_allclose(layers.standard_error[:, 0], report.layer_errors, rtol=1e-3)
    assert report.groups(1).standard_error.tolist() == report.errors.tolist()
    # The two halves of a doubled node are alike, so that the group errs as its node does.
    twice = dataclasses.replace(
        report,
        node_values={site: np.repeat(values, 2) for site, values in report.node_values.items()},
        node_errors={site: np.repeat(values, 2) for site, values in report.node_errors.items()},
        per_image={site: np.repeat(values, 2, axis=1) for site, values in report.per_image.items()},
    )
    np.testing.assert_allclose(twice.groups(2).standard_error, report.errors, rtol=1e-3)


def test_the_errors_of_a_group_are_at_most_those_of_its_nodes_together(report):
    alone = dataclasses.replace(report, per_image={})
    assert (report.groups(8).standard_error < alone.groups(8).standard_error).all()


@pytest.mark.parametrize("size", [1, 5, 8, 64])
def test_page_and_table_show_the_same_groups(report, size):
    stored = MLossReport.from_entry(*report.to_entry())
    groups, frame = stored.groups(size), report.to_frame(size)
    assert frame["mloss"].tolist() == groups.mloss.ravel().tolist()
    assert frame["standard_error"].tolist() == groups.standard_error.ravel().tolist()
    assert frame["last_node"].tolist() == [*groups.last.tolist()] * len(report.blocks)


def test_nodes_are_tensors_on_access(report):
    assert list(report.node) == list(report.sites) and len(report.node_standard_error) == 4
    assert "blocks.1.mlp.c_fc" in report.node and "blocks.9.mlp.c_fc" not in report.node
    values = report.node["blocks.1.mlp.c_fc"]
    assert values.dtype == torch.float32 and values.tolist() == report.node_values["blocks.1.mlp.c_fc"].tolist()
    assert torch.equal(report.block(1), values)
    frozen = report.node_values["blocks.1.mlp.c_fc"].copy()
    frozen.flags.writeable = False
    assert torch.equal(dataclasses.replace(report, node_values={"blocks.1.mlp.c_fc": frozen}).block(1), values)


def test_a_detail_survives_its_entry():
    payload = inside_node({"tasks": None, "node": 3})
    detail = NodeDetail.from_entry(payload.meta, payload.arrays)
    meta, arrays = detail.to_entry()
    assert meta == dict(payload.meta)
    assert arrays.keys() == payload.arrays.keys()
    assert all(np.array_equal(array, payload.arrays[name]) for name, array in arrays.items())
    bare = NodeDetail.from_entry(meta, {name: array for name, array in arrays.items() if name != "pixels"})
    assert bare.top[0].pixels is None and "pixels" not in bare.to_entry()[1]


def test_a_stored_report_opens_without_torch(tmp_path):
    report = measure_mloss(tiny_zoo(2), samples_per_task=2, cache=Cache(tmp_path))
    code = f"""
import sys
from mloss_core.caching import Cache
from mloss_core.mloss import MLossReport, NodeDetail, stability_curve
entry = Cache().get("mloss", {report.digest!r})
report = MLossReport.from_entry(entry.meta, entry.arrays)
report.groups(8), report.to_frame(8), report.share((0,)), report.top_blocks(2), report.to_entry()
assert "torch" not in sys.modules, "opening a report loads torch"
print(float(report.block(0).sum()))
assert "torch" in sys.modules, "the check can fail"
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MLOSS_CACHE": str(tmp_path)}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment)
    assert run.returncode == 0, run.stderr
    assert float(run.stdout) == float(report.block(0).sum())
