import numpy as np
import pytest

from ui.theory.distance_figures import COMPARED, distance_figure, gap_figure
from ui.theory.layer import ROWS, layer_of
from ui.theory.layer_figures import nodes_figure, rates_figure, vectors_figure
from ui.theory.node import Node, angle_curve, distance_curve, law_curve, mloss_of, one_draw, simulated_curve
from ui.theory.node_figures import angle_figure, draw_figure, joint_figure
from ui.theory.words import angle_sentence, distance_sentences, draw_sentence, joint_sentence


def named(fig):
    return {trace.name: trace for trace in fig.data if trace.name}


def test_ellipses_hold_their_share_of_the_inputs():
    node = Node(mean=0.5, spread=0.8, correlation=-0.3)
    z = np.random.default_rng(0).multivariate_normal(node.means(), node.covariance(), 20_000)
    inverse = np.linalg.inv(node.covariance())
    squared = np.einsum("ij,jk,ik->i", z - 0.5, inverse, z - 0.5)
    fig = joint_figure(node, one_draw(node, 1))
    for share in (50, 90, 99):
        line = named(fig)[f"{share}% of inputs"]
        edge = np.stack([line.x, line.y], axis=1) - 0.5
        radius = np.einsum("ij,jk,ik->i", edge, inverse, edge)
        assert np.ptp(radius) < 1e-9
        assert np.mean(squared < radius[0]) == pytest.approx(share / 100, abs=0.012)


def test_joint_picture_marks_mean_and_input():
    node = Node(mean=-0.4)
    draw = one_draw(node, 2)
    traces = named(joint_figure(node, draw))
    assert (traces["mean"].x[0], traces["mean"].y[0]) == (-0.4, -0.4)
    assert (traces["this input"].x[0], traces["this input"].y[0]) == tuple(draw.z[:2])


def test_only_a_kink_tints_quadrants():
    def rectangles(node):
        return sum(shape.type == "rect" for shape in joint_figure(node, one_draw(node, 1)).layout.shapes)

    assert rectangles(Node()) == 2
    assert rectangles(Node(activation="gelu")) == 0
    assert rectangles(Node(activation="leaky_relu", slope=1.0)) == 0


def test_one_input_shows_both_answers_above_their_mean():
    node = Node(models=5, activation="gelu")
    draw = one_draw(node, 1)
    traces = named(draw_figure(node, draw))
    assert len(traces["models"].x) == 5
    assert (traces["merged"].x[0], traces["merged"].y[0]) == (draw.mean, draw.merged)
    assert (traces["ensembled"].x[0], traces["ensembled"].y[0]) == (draw.mean, draw.ensemble)


def test_angle_picture_marks_the_sliders_on_the_curve():
    node = Node(correlation=0.0)
    value = mloss_of(node)
    fig = angle_figure(node, value, angle_curve(node), simulated_curve(node, 1), law_curve(node))
    assert fig.data[-1].x[0] == pytest.approx(90)
    assert fig.data[-1].y[0] == value
    assert "grows with" in fig.layout.title.text
    assert any("sin" in (trace.name or "") for trace in fig.data)


def test_angle_picture_without_law_or_growth():
    node = Node(models=5, mean=0.6)
    fig = angle_figure(node, mloss_of(node), angle_curve(node), simulated_curve(node, 1))
    assert "grows with" not in fig.layout.title.text
    assert not any("sin" in (trace.name or "") for trace in fig.data)


def test_sentences_of_one_node():
    assert "33 % of inputs" in joint_sentence(Node())
    assert "always agree" in joint_sentence(Node(correlation=1.0))
    assert "no kink" in joint_sentence(Node(activation="leaky_relu", slope=1.0))
    assert "curves around 0" in joint_sentence(Node(activation="gelu"))
    assert "adds nothing" in draw_sentence(one_draw(Node(mean=3.0, spread=0.1), 1))
    assert "Squared gap" in draw_sentence(one_draw(Node(), 1))
    assert "loses nothing" in angle_sentence(Node(correlation=1.0), 0.0)
    # (t - sin t): at 90 degrees 0.5708, at 45 degrees 0.0783.
    assert "7.3 times smaller" in angle_sentence(Node(correlation=0.0), mloss_of(Node(correlation=0.0)))


def test_distance_pictures_mark_near_and_distant():
    curves = {name: distance_curve(2, name) for name in COMPARED}
    fig = distance_figure(curves, 2, 0.05, 0.5)
    marks = [trace for trace in fig.data if trace.mode == "markers"]
    assert [tuple(trace.x) for trace in marks] == [(0.05, 0.5)] * 2
    assert len(named(gap_figure(0.05, 0.5))) == 3


def test_distance_sentences_compute_their_ratios():
    words = distance_sentences(2, 0.01, 0.25)[0]
    assert "**25 times** as far" in words
    assert "power 3.0 and 4.0" in words


def test_row_pictures_have_a_row_for_every_node():
    layer = layer_of(3, "gelu", 0.7, 0.3)
    fig = vectors_figure(layer)
    assert sum(trace.type == "heatmap" for trace in fig.data) == 3
    crossed = [trace for trace in fig.data if trace.type == "scatter"]
    assert sum(len(trace.x) for trace in crossed) == int((~layer.kept).sum())
    bars = rates_figure(layer, 0.7).data[0]
    assert list(bars.x) == pytest.approx(list(100 * layer.rates))
    assert len(named(nodes_figure(layer))["before"].x) == ROWS
