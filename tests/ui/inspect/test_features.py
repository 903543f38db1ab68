import numpy as np
import pytest

from mloss_core.evaluation.inspection.projection import Projection
from tests.mloss_core.evaluation.inspection.made import inspection
from tests.ui.inspect.test_choices import CHOICE
from ui import theme
from ui.inspect.features import colour_classes, features_figure, in_order, marked_in, parse_marked, point_classes

KINDS = ("ensemble", "merged", "zero_shot", "individual")


def projection(classes=3, truth=True, images=12):
    draw = np.random.default_rng(0)
    own = (np.arange(images) % classes).astype(np.int32)
    return Projection(
        models=tuple({"key": kind, "model": kind, "kind": kind} for kind in KINDS),
        points=draw.normal(size=(4, images, 2)).astype(np.float32),
        explained=(0.1, 0.2, 0.3, 0.4),
        image=np.arange(0, 2 * images, 2, dtype=np.int32),
        truth=own if truth else None,
        predicted=np.stack([own, own, own, (own + 1) % classes]),
        images=2 * images,
    )


def answers(classes=3):
    text = "".join(str(number % min(10, classes)) for number in range(24))
    return inspection(text, text, text[1:] + "0", classes=classes)


def test_pictures_go_from_zero_shot_to_the_ensemble():
    found = in_order(projection())
    assert [one["kind"] for one in found.models] == ["zero_shot", "individual", "merged", "ensemble"]
    assert found.explained == (0.3, 0.4, 0.2, 0.1)
    assert np.array_equal(found.points[3], projection().points[0])


def test_every_point_knows_its_image():
    fig = features_figure(projection(), CHOICE, answers(), (4, 6))
    first = [trace for trace in fig.data if trace.xaxis == "x" and trace.customdata is not None]
    assert sorted(row[0] for trace in first for row in trace.customdata) == list(range(0, 24, 2))
    assert [trace.name for trace in first if trace.showlegend] == ["c0", "c1", "c2"]
    rings = [trace for trace in fig.data if trace.customdata is None]
    assert len(rings) == 4 and all(len(ring.x) == 2 for ring in rings)
    assert "c0: answered c0" in first[0].text[0]


def test_few_of_many_classes_have_colours():
    found, seen = projection(classes=12, images=12), answers(classes=12)
    chosen = colour_classes(found, seen)
    assert len(chosen) == 9
    fig = features_figure(found, CHOICE, seen)
    others = [trace for trace in fig.data if trace.name == "other classes"]
    assert len(others) == 4 and others[0].marker.color == theme.MUTED and len(others[0].x) == 3


def test_without_labels_the_expert_s_answer_colours():
    found = projection(truth=False)
    assert np.array_equal(point_classes(found), found.predicted[3])


@pytest.mark.parametrize(
    ("event", "images"),
    [
        (None, ()),
        ({"selection": {"points": []}}, ()),
        ({"selection": {"points": [{"customdata": [4]}, {"customdata": [4]}, {"customdata": [6]}, {}]}}, (4, 6)),
        ({"selection": {"points": [{"customdata": [place]} for place in range(50)]}}, tuple(range(24))),
        ({"selection": {"points": [{"customdata": ["x"]}]}}, ()),
    ],
)
def test_what_was_boxed(event, images):
    assert marked_in(event) == images


def test_marked_images_of_a_link():
    assert parse_marked("3,5,3") == (3, 5)
    assert parse_marked("") is None and parse_marked("1,x") is None and parse_marked("999999999") is None
