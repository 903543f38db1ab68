"""The What-if page under AppTest: live figures with ghost and controls, surfaces, views, links, and what is missing."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.recipe import Recipe
from tests.pages.what_if_lab import ZOO, WhatIfLab
from ui.what_if import state as here
from ui.what_if.views import TITLES

PAGE = str(Path(__file__).parents[2] / "pages" / "what_if.py")


@pytest.fixture
def lab(monkeypatch):
    return WhatIfLab().install(monkeypatch)


def page(**params):
    test = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in params.items():
        test.query_params[name] = value
    return test.run()


def settled(test):
    """The page when the live figures are final: what the fragment's runs do in a browser."""
    for _ in range(40):
        if (test.session_state["_wi_live"].get("state") or {}).get("final"):
            break
        test.run()
    return test.run()


def texts(test):
    return " ".join(
        item.value for group in (test.markdown, test.caption, test.info, test.warning, test.error) for item in group
    )


def charts(test):
    return [chart.proto.spec for chart in test.get("plotly_chart")]


def chart(test, words):
    return next(spec for spec in charts(test) if words in spec)


def test_the_first_estimate_is_there_with_the_page_and_becomes_final(lab):
    test = page()
    assert not test.exception and test.title[0].value == "What-if"
    assert lab.box.asked == [{"zoo": "demo", "recipe": Recipe(method="m_ties").to_dict(), "split": "val"}]
    assert test.metric[0].label == "Mean"
    settled(test)
    assert "The M-Loss ranks of M-TIES k 0.8 e 0.1" in texts(test)
    assert "Realised budget:" in texts(test) and "Rows of all blocks keep 75.0 % on average" in texts(test)
    bars = chart(test, "ccuracy by task")
    assert all(name in bars for name in ('"e = 0"', '"reversed"', '"random"', '"same budget"'))
    assert '"before"' not in bars and "Better than chance?" in " ".join(charts(test))
    assert len(lab.box.asked) == 1


def test_moving_a_slider_asks_anew_and_leaves_a_ghost(lab):
    test = settled(page())
    test.slider(key="wi_m_ties_keep_rate").set_value(0.5).run()
    assert not test.exception and len(lab.box.asked) == 2
    assert lab.box.asked[1]["recipe"]["options"] == {"keep_rate": 0.5}
    assert "Rows of all blocks keep 45.0 % on average" in texts(test)
    assert '"before"' in chart(test, "ccuracy by task") and "points" in test.metric[0].delta


def test_methods_without_guide_have_no_controls_and_show_what_is_kept(lab):
    test = settled(page(wi_method="Flat · TIES"))
    assert not test.exception and "Kept of each linear map" in " ".join(charts(test))
    assert "M-Loss ranks" not in texts(test) and not lab.kinds("measure")
    test.selectbox(key="wi_method").set_value("average").run()
    assert "has no two options to draw a surface over" in texts(test) and "no number to follow a path along" in texts(
        test
    )


def test_a_surface_is_drawn_on_demand(lab):
    test = page(wi_method="Flat · TIES")
    assert not lab.kinds("whatif")
    test.button(key="wi_measure_surface").click().run()
    [params] = lab.kinds("whatif")
    assert params["view"] == "surface" and params["split"] == "val" and params["criterion"] == "validation"
    assert [axis["name"] for axis in params["axes"]] == ["keep_rate", "scale"] and params["recipe"]["options"] == {}
    assert "Best at Keep rate k" in texts(test) and "surface" in test.query_params["wi_shown"]
    test.slider(key="wi_ties_keep_rate").set_value(0.55).run()
    assert not test.exception and lab.kinds("whatif") == [params], "moving along the axes needs no other surface"
    test.selectbox(key="wi_down").set_value("scope").run()
    assert test.button(key="wi_measure_surface").label == "Measure for this recipe"


def test_a_click_on_a_point_moves_the_sliders(monkeypatch):
    held = {}
    monkeypatch.setattr("ui.what_if.state.st.session_state", held)
    here.jump(Recipe(method="ties"), {"keep_rate": 0.55, "seed": 3})
    here.jump_to_blocks((1, 2))
    moved = {name: value for name, value in held.items() if not name.startswith("_")}
    assert moved == {"wi_ties_keep_rate": 0.55, "wi_seed": 3, "wi_blocks": "custom", "wi_custom": [1, 2]}


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("path", "The mean is best at"),
        ("layers", "The dotted line is all blocks"),
        ("plane", "Between both models"),
        ("seeds", "Over seeds"),
    ],
)
def test_every_view_from_a_link(lab, view, words):
    test = page(
        wi_view=TITLES[view], wi_shown=view, wi_method="Flat · DARE", wi_criterion="Agreement with the own experts"
    )
    assert not test.exception and words in texts(test)
    [params] = [params for params in lab.kinds("whatif") if params["view"] != "surface"]
    assert params["criterion"] == "expert_agreement" and params["limit"] == 64
    assert test.get("download_button")


def test_the_sample_curve_is_of_guided_recipes(lab):
    test = page(wi_view="Sample size", wi_shown="samples")
    assert not test.exception and "images a task on, ranks correlate" in texts(test)
    test.selectbox(key="wi_method").set_value("ties").run()
    assert "measures no M-Loss" in texts(test)


def test_a_view_of_an_earlier_recipe_stays_and_can_be_measured_again(lab):
    test = page(wi_method="Flat · TIES", wi_shown="path")
    test.slider(key="wi_ties_keep_rate").set_value(0.5).run()
    assert test.button(key="wi_measure_path").label == "Measure for this recipe"
    test.button(key="wi_measure_path").click().run()
    assert [params["recipe"]["options"] for params in lab.kinds("whatif")] == [{}, {"keep_rate": 0.5}]


def test_a_link_carries_the_whole_state(lab):
    test = page(
        wi_method="M-Loss guided · M-DARE",
        wi_m_dare_keep_rate="0.6",
        wi_blocks="Custom",
        wi_custom="1,3,99",
        wi_split="Test",
        wi_seed="3",
    )
    assert not test.exception
    recipe = Recipe.from_dict(lab.box.asked[0]["recipe"])
    assert (recipe.method, recipe.blocks, recipe.seed, recipe.options["keep_rate"]) == ("m_dare", (1, 3), 3, 0.6)
    assert lab.box.asked[0]["split"] == "test"


def test_a_bad_link_opens_with_what_is_usual(lab):
    test = page(
        wi_method="tise", wi_split="x", wi_view="y", wi_criterion="z", wi_shown="a,b", wi_custom="q", wi_along="w"
    )
    assert not test.exception and lab.box.asked[0]["recipe"]["method"] == "m_ties"


def test_what_goes_wrong_is_one_sentence(lab):
    lab.box.error = "the zoo has no head."
    test = page()
    assert not test.exception and [error.value for error in test.error] == ["the zoo has no head."]


def test_a_mute_worker_is_told_of(lab, monkeypatch):
    monkeypatch.setattr("ui.what_if.live.SILENT", -1.0)
    lab.box.mute = True
    test = page()
    test.run()
    assert "The worker does not answer." in texts(test)
    lab.box.mute = False
    monkeypatch.setattr("ui.what_if.live.SILENT", 60.0)
    test.button(key="wi_again").click().run()
    assert len(lab.box.asked) == 2 and test.metric


def test_one_model_is_no_merge(lab):
    test = page(wi_models=[ZOO.tasks[0]])
    assert not test.exception and not lab.box.asked and "A merge needs at least two models" in texts(test)


def test_images_without_labels_are_judged_by_agreement_with_the_own_experts(monkeypatch):
    lab = WhatIfLab().install(monkeypatch)
    lab.unlabelled = True
    test = settled(page(wi_split="Test"))
    assert not test.exception and "Images of all tasks have no labels. Judged by agreement" in texts(test)
    assert (lab.box.asked[0]["criterion"], lab.box.asked[0]["split"]) == ("expert_agreement", "train")
    assert [metric.label for metric in test.metric] == [
        "Mean",
        next(m.label for m in test.metric if "Worst" in m.label),
    ]
    assert '"same budget"' in chart(test, "wn-expert agreement by task")
    assert "By the criterion shown, without labels." in texts(test)
    assert "Validation accuracy" not in test.selectbox(key="wi_judge").options
    test.button(key="wi_measure_surface").click().run()
    [params] = lab.kinds("whatif")
    assert (params["criterion"], params["split"]) == ("expert_agreement", "train") and "training images" in texts(test)
    test.selectbox(key="wi_judge").set_value("expert_kl").run()
    settled(test)
    assert (
        not test.exception and "KL to own expert by task" in " ".join(charts(test)) and "nats" in test.metric[0].value
    )


def test_with_labels_another_criterion_may_be_shown(lab):
    test = settled(page(wi_judge="Closeness to the own experts, −KL", wi_source="Training"))
    assert not test.exception and "no label is read" in texts(test)
    assert (lab.box.asked[0]["criterion"], lab.box.asked[0]["split"]) == ("expert_kl", "train")


def test_processors_of_a_recipe_come_along(lab):
    test = page(wi_method="Flat · Task Arithmetic", wi_pre="DARE", wi_pre_dare_keep_rate="0.5", wi_post="SVC")
    asked = Recipe.from_dict(lab.box.asked[0]["recipe"])
    assert not test.exception and (asked.pre, asked.post) == (("dare:keep_rate=0.5",), ("svc",))
    test.slider(key="wi_pre_dare_keep_rate").set_value(0.6).run()
    assert Recipe.from_dict(lab.box.asked[1]["recipe"]).pre == ("dare:keep_rate=0.6",)


def test_all_images_of_slow_encoders_are_a_job(lab, monkeypatch):
    monkeypatch.setattr("mloss_core.whatif.live.guessed_seconds", lambda zoo, images: 10.0 * images)
    test = settled(page(wi_method="Flat · TIES"))
    assert not test.exception and "stimated accuracy, 12 images" in " ".join(charts(test))
    assert "all images would take too long to be live" in texts(test) and not lab.kinds("live")
    test.button(key="wi_whole").click().run()
    [params] = lab.kinds("live")
    assert params == lab.box.asked[-1]
    test.run()
    assert not test.exception and '"Accuracy by task, 24 images' in chart(test, "ccuracy by task")
    assert not [button for button in test.button if button.key == "wi_whole"]
