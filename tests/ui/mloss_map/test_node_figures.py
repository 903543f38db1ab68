import numpy as np

from mloss_core.mloss.detail import MERGED, NodeDetail
from tests.ui.fake_payloads import TASKS, inside_node
from ui.mloss_map.node_figures import angle_figure, angle_sentence, density_figure


def view(**changes):
    payload = inside_node({"tasks": None, "node": 3} | changes)
    return NodeDetail.from_entry(payload.meta, payload.arrays)


def test_every_model_and_the_merged_one_have_a_density():
    fig = density_figure(view())
    names = [trace.name for trace in fig.data]
    assert names[: len(TASKS) + 1] == [*TASKS, MERGED]
    assert {"merged mean", "ensemble mean"} <= set(names)


def test_activation_is_drawn_on_its_own_axis():
    fig = density_figure(view())
    curve = next(trace for trace in fig.data if trace.name == "GELU")
    assert curve.yaxis == "y2"
    at_zero = np.interp(0.0, curve.x, curve.y)
    assert abs(at_zero) < 1e-3
    means = {trace.name: trace.y[0] for trace in fig.data if trace.mode == "markers"}
    assert means == {"merged mean": 0.101, "ensemble mean": 0.104}


def test_angles_are_square_with_the_pretrained_row_last():
    node = view()
    heat = angle_figure(node).data[0]
    assert list(heat.x) == list(heat.y) == [*TASKS, "pretrained"]
    assert np.allclose(np.diag(np.asarray(heat.z)), 0)


def test_equal_rows_can_be_drawn_and_told():
    from dataclasses import replace

    same = replace(view(), angles=np.zeros((5, 5)))
    assert angle_figure(same).data[0].zmax == 1.0
    assert angle_sentence(same).startswith("The models' weight rows are 0° apart on average")


def test_a_subset_of_models_names_its_own_rows():
    node = view(tasks=["street", "shapes"])
    assert node.row_names == ("street", "shapes", "pretrained")
    assert len(node.densities) == 3
    assert node.density("shapes").tolist() == node.densities[1].tolist()
    assert node.density(MERGED).tolist() == node.densities[2].tolist()
    assert node.top[0].pixels.shape == (32, 32, 3)
