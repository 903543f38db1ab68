"""The rows of the flat family that select by size: MagMax and Breadcrumbs, against formulas in plain Python."""

import dataclasses

import numpy as np
import pytest
import torch

from mloss_core.errors import InvalidOptionError
from mloss_core.merging import METHODS, merge_state_dicts
from tests.mloss_core.merging import dense
from tests.mloss_core.merging.models import SCORED, finetuned, node_mloss, pretrained, same

BASE = pretrained(torch.float64)
MODELS = finetuned(BASE, count=4)
MOVING = ("fc1.weight", "fc1.bias", "fc2.weight", "conv.weight", "scale")
VECTORS = [{key: (model[key] - BASE[key]).numpy() for key in MOVING} for model in MODELS]


def updates(method, **options):
    found = merge_state_dicts(BASE, MODELS, method, **{"scale": 1.0, **options})
    return {key: (found[key] - BASE[key]).numpy() for key in MOVING}


def assert_close(found, expected):
    for key in MOVING:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-6, atol=1e-12, err_msg=key)


def crumbs(vector, keep_rate, outliers):
    """Entry by entry: order by magnitude, skip the outliers, keep so many after them."""
    flat = vector.reshape(-1).tolist()
    order = sorted(range(len(flat)), key=lambda place: (-abs(flat[place]), place))
    first, count = dense.floor(outliers, len(flat)), dense.floor(keep_rate, len(flat))
    kept = set(order[first : first + count])
    return np.array([value if place in kept else 0.0 for place, value in enumerate(flat)]).reshape(vector.shape)


def test_defaults():
    defaults = {name: dataclasses.asdict(METHODS[name].options_type()) for name in METHODS}
    assert defaults["magmax"] == {"scale": 0.6}
    assert defaults["breadcrumbs"] == {"keep_rate": 0.15, "outliers": 0.006, "scope": "tensor", "scale": 0.3}
    assert defaults["pcb"] == {"keep_rate": 0.05, "clamped": 0.0001, "scale": 1.2}
    assert defaults["consensus"] == {
        "threshold": 0.4,
        "thresholds": None,
        "min_agree": 2,
        "combine": "sum",
        "scale": 0.3,
    }


def test_magmax_by_hand():
    models = [torch.tensor([[1.0, -3.0, 2.0], [0.0, 4.0, -1.0]]), torch.tensor([[3.0, 1.0, -2.0], [0.0, 0.0, -2.0]])]
    base = {"w": torch.ones(2, 3)}
    found = merge_state_dicts(base, [{"w": 1 + model} for model in models], "magmax", scale=0.5)["w"]
    assert found.tolist() == [[2.5, -0.5, 2.0], [1.0, 3.0, 0.0]]


def test_magmax_equals_the_formula():
    expected = {}
    for key in MOVING:
        stack = np.stack([vectors[key] for vectors in VECTORS])
        expected[key] = np.take_along_axis(stack, np.abs(stack).argmax(0)[None], axis=0)[0]
    assert_close(updates("magmax"), expected)


def test_breadcrumbs_by_hand():
    base = {"w": torch.zeros(2, 3)}
    model = {"w": torch.tensor([[9.0, -5.0, 2.0], [-2.0, 3.0, 0.5]])}

    def merged(**options):
        return merge_state_dicts(base, [model], "breadcrumbs", scale=1.0, **options)["w"].tolist()

    # Of 6 entries the largest goes, then the next 2 stay; by row of 3 the largest goes, then the next stays.
    assert merged(keep_rate=0.34, outliers=0.17) == [[0, -5, 0], [0, 3, 0]]
    assert merged(keep_rate=0.34, outliers=0.34, scope="row") == [[0, -5, 0], [-2, 0, 0]]
    # Of equal magnitudes the earlier goes as an outlier, or stays.
    assert merged(keep_rate=0.17, outliers=0.5) == [[0, 0, 2], [0, 0, 0]]
    assert merged(keep_rate=1.0, outliers=0.67) == [[0, 0, 0], [-2, 0, 0.5]]
    assert merged(keep_rate=1.0, outliers=1.0) == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(("keep_rate", "outliers"), [(0.15, 0.1), (0.5, 0.0), (0.9, 0.3), (0.0, 0.1), (1.0, 0.05)])
def test_breadcrumbs_equal_the_formula(keep_rate, outliers):
    by_tensor = {key: sum(crumbs(vectors[key], keep_rate, outliers) for vectors in VECTORS) for key in MOVING}
    assert_close(updates("breadcrumbs", keep_rate=keep_rate, outliers=outliers), by_tensor)
    by_row = {
        key: sum(
            np.stack([crumbs(row, keep_rate, outliers) for row in vectors[key]])
            if vectors[key].ndim > 1
            else crumbs(vectors[key], keep_rate, outliers)
            for vectors in VECTORS
        )
        for key in MOVING
    }
    assert_close(updates("breadcrumbs", keep_rate=keep_rate, outliers=outliers, scope="row"), by_row)


def test_without_outliers_breadcrumbs_sum_the_trims_of_ties():
    expected = {key: sum(dense.trim_tensor(vectors[key], 0.3) for vectors in VECTORS) for key in MOVING}
    assert_close(updates("breadcrumbs", keep_rate=0.3, outliers=0.0), expected)


def test_m_breadcrumbs_drop_outliers_by_tensor_and_keep_by_row():
    scores, expected = node_mloss(BASE), {}
    for key in MOVING:
        plain = [vectors[key] for vectors in VECTORS]
        if key not in SCORED:
            expected[key] = sum(crumbs(vector, 0.5, 0.1) for vector in plain)
            continue
        order = sorted(range(len(scores[key])), key=lambda row, key=key: float(scores[key][row]))
        rates = [0.5 - 0.3 * order.index(row) / (len(order) - 1) for row in range(len(order))]
        expected[key] = sum(dense.trim_rows(crumbs(vector, 1.0, 0.1), rates) for vector in plain)
    assert_close(updates("m_breadcrumbs", keep_rate=0.5, span=0.3, outliers=0.1, node_mloss=scores), expected)


def test_m_breadcrumbs_without_a_span_are_breadcrumbs_where_nothing_is_scored():
    guided = merge_state_dicts(BASE, MODELS, "m_breadcrumbs", span=0.0, node_mloss={})
    assert same(guided, merge_state_dicts(BASE, MODELS, "breadcrumbs"))


@pytest.mark.parametrize(
    ("method", "option", "words"),
    [
        ("breadcrumbs", {"outliers": 1.5}, "outliers must be from 0 to 1; found 1.5"),
        ("breadcrumbs", {"scope": "global"}, "scope must be one of tensor, row; found 'global'"),
        ("consensus", {"min_agree": 1.5}, "min_agree must be a whole number; found 1.5"),
        ("consensus", {"combine": "mean"}, "combine must be one of sum, ties; found 'mean'"),
        ("pcb", {"clamped": 0.5}, "clamped must be from 0 to 0.49; found 0.5"),
        ("magmax", {"keep_rate": 0.5}, "unknown option 'keep_rate': the options here are scale"),
    ],
)
def test_bad_options_are_refused(method, option, words):
    with pytest.raises(InvalidOptionError, match=words):
        merge_state_dicts(BASE, MODELS, method, **option)
