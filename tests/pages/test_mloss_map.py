import os
import subprocess
import sys
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.errors import ZooError
from mloss_core.mloss.report import MLossReport
from tests.ui.fake_lab import FakeStore
from tests.ui.fake_payloads import LAYERS, NODES, TASKS, inside_node, measured
from ui import jobs
from ui.mloss_map.controls import default_group, measure_options
from ui.mloss_map.view import parse_cell
from ui.zoo.facts import ZooFacts

PAGE = str(Path(__file__).parents[2] / "pages" / "mloss_map.py")


@pytest.fixture
def store(monkeypatch):
    fake = FakeStore({"measure": measured, "node": inside_node})
    monkeypatch.setattr(jobs, "store", lambda: fake)
    facts = ZooFacts("demo", "d" * 64, TASKS, LAYERS, NODES, 8, 1000, {})
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: facts)
    return fake


def page(**params):
    at = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in params.items():
        at.query_params[name] = value
    return at.run()


def report(images):
    payload = measured({"tasks": None, "mloss": {"samples_per_task": images}})
    return MLossReport.from_entry(payload.meta, payload.arrays)


def asked(store, kind):
    return [params for name, params in store.submitted if name == kind]


def texts(at):
    groups = (at.markdown, at.caption, at.info, at.error)
    return " ".join(str(item.value) for group in groups for item in group)


def test_first_visit_measures_all_models_and_says_what_to_notice(store):
    at = page()
    assert not at.exception
    assert at.title[0].value == "M-Loss map"
    assert asked(store, "measure") == [{"zoo": "demo", "tasks": None, "mloss": measure_options("paper", 16).to_dict()}]
    assert len(at.get("plotly_chart")) == 1
    assert "% of the M-Loss" in texts(at)
    assert not asked(store, "node")


def test_choices_change_what_is_measured(store):
    at = page()
    at.select_slider(key="map_images").set_value(32).run()
    at.get_by_key("map_preset").set_value("reference").run()
    at.get_by_key("map_models").set_value(["street", "digits"]).run()
    last = asked(store, "measure")[-1]
    assert last["tasks"] == ["digits", "street"]
    assert last["mloss"] == measure_options("reference", 32).to_dict()
    assert not at.exception


def test_link_reopens_the_view(store):
    at = page(map_images="4", map_scale="Log", map_models=["digits", "letters"], map_block="2", map_node="7")
    assert not at.exception
    assert asked(store, "measure")[0]["mloss"]["samples_per_task"] == 4
    assert asked(store, "measure")[0]["tasks"] == ["digits", "letters"]
    assert asked(store, "node")[0]["block"] == 2
    assert asked(store, "node")[0]["node"] == 7
    assert "**Block 2, node 7**" in texts(at)
    assert len(at.get("plotly_chart")) == 3


@pytest.mark.parametrize(
    "params",
    [
        {"map_block": "99", "map_node": "0"},
        {"map_block": "-1", "map_node": "x"},
        {"map_block": "1"},
        {"map_images": "7", "map_scale": "<script>", "map_group": "0", "map_preset": "evil", "map_view": "none"},
        {"map_models": ["nobody", "digits", "street"]},
    ],
)
def test_nonsense_in_a_link_falls_back(store, params):
    at = page(**params)
    assert not at.exception
    assert not at.error
    assert not asked(store, "node")


def test_fewer_than_two_models_is_one_sentence(store):
    at = page(map_models=["digits"])
    assert "at least two models" in at.info[0].value
    assert not asked(store, "measure")
    assert not at.exception


def test_keep_rate_view_shows_its_budget(store):
    at = page(map_view="Keep rate")
    assert "keep 75.0 % of the rows' weights on average, where k alone would keep 80.0 %" in texts(at)
    at.slider(key="map_e").set_value(0.2).run()
    assert "keep 70.0 %" in texts(at)
    assert len(asked(store, "measure")) == 1, "keep rates follow from what is measured"
    assert not at.exception


def test_nodes_can_be_reached_without_the_mouse(store):
    at = page()
    at.button(key="map_step_arrow_upward").click().run()
    first = asked(store, "node")[-1]
    values = report(16).values
    assert values[first["block"], first["node"]] == values.max()
    assert at.button(key="map_step_chevron_left").disabled
    at.button(key="map_step_chevron_right").click().run()
    second = asked(store, "node")[-1]
    assert second != first
    assert at.query_params["map_node"] == str(second["node"])
    at.number_input(key="map_block").set_value(1).run()
    assert asked(store, "node")[-1]["block"] == 1
    assert not at.exception


def test_how_many_images_are_enough_is_measured_only_when_opened(store):
    at = page()
    assert [params["mloss"]["samples_per_task"] for params in asked(store, "measure")] == [16]
    at = page(map_enough="true")
    assert [params["mloss"]["samples_per_task"] for params in asked(store, "measure")][-1] == 128
    assert "16 images a task order the nodes of a block as 128 do" in texts(at)
    assert len(at.get("plotly_chart")) == 2
    assert not at.exception


def test_largest_set_is_not_compared_with_itself(store):
    at = page(map_enough="true", map_images="128")
    assert "128 images a task is the largest set here" in texts(at)
    assert not at.exception


def test_map_on_its_way_shows_progress_and_controls_stay(store):
    store.states["measure"] = "running"
    at = page()
    assert at.progress[0].text.startswith("Measuring M-Loss")
    assert len(at.get("plotly_chart")) == 1, "the empty frame of the map"
    assert at.select_slider(key="map_images").value == 16
    assert not at.exception


def test_earlier_map_stays_pale_while_the_next_is_measured(store):
    at = page()
    store.states["measure"] = "running"
    at.select_slider(key="map_images").set_value(64).run()
    assert len(at.get("plotly_chart")) == 1
    assert "earlier choice" in texts(at)
    assert not at.exception


def test_failure_is_one_sentence(store):
    store.states["measure"] = "failed"
    at = page()
    assert at.error[0].value == "the weights are damaged."
    assert not at.get("plotly_chart")
    assert not at.exception


def test_zoo_that_cannot_be_opened_is_one_sentence(store, monkeypatch):
    def broken(name):
        raise ZooError("the zoo 'demo' cannot be opened.")

    monkeypatch.setattr("ui.frame.zoo_facts", broken)
    at = page()
    assert at.error[0].value == "the zoo 'demo' cannot be opened."
    assert not at.exception


def test_clicked_cells_are_parsed_and_checked():
    data = report(2)
    assert parse_cell("3:15", data) == (3, 15)
    for nonsense in ("3:16", "4:0", "-1:0", "3", "", None, "a:b", "1:2:3", 7):
        assert parse_cell(nonsense, data) is None


def test_default_group_follows_the_width():
    assert default_group(64) == 8
    assert default_group(768) == 8
    assert default_group(1024) == 50


def test_unknown_presets_and_counts_fall_back():
    assert measure_options("evil", 7) == measure_options("paper", 16)
    assert measure_options(None, None) == measure_options("paper", 16)


def test_the_page_opens_a_report_without_torch():
    code = (
        "import sys, ui.mloss_map.page, ui.merge.builder\n"
        "from mloss_core.mloss.report import MLossReport\n"
        "from tests.ui.fake_payloads import measured\n"
        "payload = measured({'tasks': None, 'mloss': {'samples_per_task': 4}})\n"
        "MLossReport.from_entry(payload.meta, payload.arrays).groups(8)\n"
        "sys.exit('torch' in sys.modules)"
    )
    root = Path(PAGE).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    run = subprocess.run([sys.executable, "-c", code], timeout=120, cwd=root, env=environment, stderr=subprocess.PIPE)
    assert run.returncode == 0, run.stderr.decode()
