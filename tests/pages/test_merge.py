import json
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.merging import METHODS
from mloss_core.merging.plugins import VARIABLE
from mloss_core.recipe import Recipe
from tests.mloss_core.merging.plugin_files import write
from tests.pages.merge_lab import TASKS, FakeLab
from ui.merge.entries import row_key

PAGE = str(Path(__file__).parents[2] / "pages" / "merge.py")
M_TIES = Recipe(method="m_ties")


@pytest.fixture
def lab(monkeypatch):
    return FakeLab().install(monkeypatch)


def page(**params):
    test = AppTest.from_file(PAGE, default_timeout=30)
    for name, value in params.items():
        test.query_params[name] = value
    return test.run()


def table(test):
    return test.dataframe[0].value


def models(test):
    return list(table(test)["model"])


def texts(test):
    return " ".join(
        item.value for group in (test.markdown, test.caption, test.info, test.warning, test.error) for item in group
    )


def recipes(lab):
    return [Recipe.from_dict(params["recipe"]) for params in lab.kinds("recipe")]


def test_a_first_visit_compares_three_merges_with_the_baselines(lab):
    test = page()
    assert not test.exception
    assert test.title[0].value == "Merge"
    assert models(test) == [
        "Zero-shot",
        "M-TIES k 0.8 e 0.1",
        "TIES k 0.2",
        "Simple Average",
        "Ensemble",
        "Ensemble (features)",
        "Individual",
    ]
    assert [recipe.method for recipe in recipes(lab)] == ["average", "ties", "m_ties"]
    assert lab.kinds("baselines") == [{"zoo": "demo", "tasks": None, "split": "test"}]
    frame = table(test).set_index("model")
    assert 40 < frame.loc["Zero-shot", "average"] < 50
    assert frame.loc["Simple Average", "difference"] < 0
    assert "mg_recipes" not in test.query_params


def test_a_first_visit_begins_no_work_for_what_the_card_records(lab):
    levels, summary = dict.fromkeys(TASKS, 0.5), {"average": 0.5, "standard_error": 0.01, "normalised": 0.6}
    known = ("zero_shot", "ensemble_logits", "ensemble_features", "individual", "simple_average", "ties")
    lab.card = {
        "accuracy": {"test": dict.fromkeys(known, levels)},
        "average": {"test": dict.fromkeys(known, summary)},
        "chosen": {"simple_average": {"method": "average"}, "ties": {"method": "ties"}},
    }
    test = page()
    assert not test.exception
    assert [recipe.method for recipe in recipes(lab)] == ["m_ties"] and not lab.kinds("baselines")
    assert "Simple Average (recorded)" in models(test) and "M-TIES k 0.8 e 0.1" in models(test)
    test.selectbox(key="mg_baseline").set_value("zero_shot").run()
    assert {recipe.method for recipe in recipes(lab)} == {"average", "ties", "m_ties"} and lab.kinds("baselines")
    assert not any("recorded" in name for name in models(test))


def test_the_keep_rates_are_there_before_anything_is_added(lab):
    test = page()
    assert len(test.get("plotly_chart")) >= 3
    assert "Rows of all blocks keep 75.0 % on average; a uniform k would keep 80.0 %." in texts(test)
    test.slider(key="mg_m_ties_span").set_value(0.2).run()
    assert "Rows of all blocks keep 70.0 % on average" in texts(test)


def test_adding_a_recipe_adds_a_row_and_puts_it_into_the_link(lab):
    test = page()
    assert test.button(key="mg_add").disabled
    test.slider(key="mg_m_ties_keep_rate").set_value(0.6).run()
    test.segmented_control(key="mg_blocks").set_value("8,9,10").run()
    test.button(key="mg_add").click().run()
    assert not test.exception
    assert "M-TIES k 0.6 e 0.1 [8,9,10]" in models(test)
    assert recipes(lab)[-1] == Recipe(method="m_ties", options={"keep_rate": 0.6}, blocks=(8, 9, 10))
    link = test.query_params["mg_recipes"]
    assert json.loads(link)[-1] == {"method": "m_ties", "options": {"keep_rate": 0.6}, "blocks": [8, 9, 10]}
    assert test.button(key="mg_add").label == "Already in the comparison"


def test_a_link_reopens_the_comparison(lab):
    test = page(mg_recipes='[{"method":"dare","name":"mine"},{"method":"m_dare","blocks":[0]}]', mg_split="Validation")
    assert set(models(test)[1:3]) == {"mine", "M-DARE k 0.8 e 0.1 [0]"}
    assert {params["split"] for params in lab.kinds("recipe")} == {"val"}
    assert lab.kinds("baselines")[0]["split"] == "val"


def test_a_bad_link_is_said_in_one_sentence_and_the_rest_opens(lab):
    test = page(mg_recipes='[{"method":"average"},{"method":"tise"}]', mg_split="train", mg_method="x", mg_blocks="y")
    assert not test.exception
    assert models(test)[1] == "Simple Average" and len(models(test)) == 5
    assert len(test.warning) == 1 and "did you mean 'ties'" in test.warning[0].value
    assert lab.kinds("baselines")[0]["split"] == "test"


def test_a_method_without_m_loss_says_so(lab):
    test = page(mg_method="Flat · TIES")
    assert "TIES works without M-Loss" in texts(test)
    assert not lab.kinds("measure")
    test.segmented_control(key="mg_ties_scope").set_value("row").run()
    test.button(key="mg_add").click().run()
    assert recipes(lab)[-1] == Recipe(method="ties", options={"scope": "row"})


@pytest.mark.parametrize(
    ("title", "name", "field", "value"),
    [("TSV-M", "tsv_m", "scale", 0.8), ("Iso-C", "iso_c", "beta", 0.5), ("Iso-CTS", "iso_cts", "common_fraction", 0.6)],
)
def test_spectral_methods_have_forms_grown_from_their_records(lab, title, name, field, value):
    test = page(mg_method=f"Spectral · {title}")
    assert not test.exception and f"{title} works without M-Loss" in texts(test)
    test.slider(key=f"mg_{name}_{field}").set_value(value).run()
    test.button(key="mg_add").click().run()
    assert recipes(lab)[-1] == Recipe(method=name, options={field: value})


def test_a_plugins_form_is_there(lab, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(write(tmp_path)))
    test = page(mg_method="My methods · Median")
    assert not test.exception and "The median of the task vectors." in texts(test)
    test.slider(key="mg_median_scale").set_value(0.8).run()
    test.button(key="mg_add").click().run()
    assert recipes(lab)[-1] == Recipe(method="median", options={"scale": 0.8})
    assert "Median Scale 0.8" in models(test) and not test.error


def test_a_broken_plugin_is_reported_and_the_page_works_on(lab, tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(write(tmp_path, "broken", "raise ValueError('no <b>luck</b>')")))
    test = page()
    assert not test.exception and len(test.error) == 1
    assert "importing it fails with ValueError: no" in test.error[0].value
    assert len(models(test)) == 7


def test_a_preset_fills_the_builder(lab):
    test = page()
    test.selectbox(key="mg_project_preset").select("ties@adamerging").run()
    assert not test.exception
    assert test.selectbox(key="mg_method").value == "ties" and test.slider(key="mg_ties_scale").value == 0.3
    assert "The entries that agree are summed" in texts(test) and "no longer holds" not in texts(test)
    test.button(key="mg_add").click().run()
    assert recipes(lab)[-1].options == {"merge": "sum", "scale": 0.3, "domain": "all"}
    test.slider(key="mg_ties_scale").set_value(0.5).run()
    assert "no longer holds exactly this" in texts(test)
    test.selectbox(key="mg_method").select("average").run()
    assert not test.exception and test.selectbox(key="mg_project_preset").value is None
    assert "no longer holds" not in texts(test)


def test_presets_with_blocks_or_the_codes_m_loss(lab):
    test = page()
    test.selectbox(key="mg_project_preset").select("m_ties@mloss/few_layers").run()
    assert test.pills(key="mg_custom").value == [8, 9, 10]
    test.selectbox(key="mg_project_preset").select("m_ties@mloss/code").run()
    assert not test.exception and test.segmented_control(key="mg_preset").value == "reference"
    assert "no longer holds" not in texts(test)


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_a_card_on_the_page(lab, name):
    method = METHODS[name]
    test = page(mg_method=f"{method.family} · {method.title}")
    assert not test.exception and len(test.latex) == 1
    assert ("**Data.**" in texts(test) and "Not measured on this zoo yet" in texts(test)) or name in lab_methods(lab)


def lab_methods(lab):
    return {recipe.method for recipe in recipes(lab)}


def test_a_card_tells_the_measured_cost_and_the_known_faults(lab):
    test = page()
    test.run()
    assert "This recipe's merge took 1.50 s on this zoo" in texts(test)
    assert "Known faults of reference code" in texts(test) and "unstable sort" in texts(test)


def test_one_model_is_not_enough(lab):
    test = page()
    test.pills(key="mg_models").set_value(["digits"]).run()
    assert "A merge needs at least two models" in texts(test)
    assert test.button(key="mg_add").disabled


def test_a_subset_of_models_is_measured_and_merged_as_such(lab):
    test = page()
    test.pills(key="mg_models").set_value(["shapes", "digits"]).run()
    assert lab.kinds("measure")[-1]["tasks"] == ["digits", "shapes"]
    test.button(key="mg_add").click().run()
    assert recipes(lab)[-1].tasks == ("digits", "shapes")


def test_the_top_blocks_are_those_with_most_m_loss(lab):
    test = page()
    test.segmented_control(key="mg_blocks").set_value("top3").run()
    test.button(key="mg_add").click().run()
    assert recipes(lab)[-1].blocks == (9, 10, 11)


def test_custom_blocks_start_empty_and_can_be_picked(lab):
    test = page()
    test.segmented_control(key="mg_blocks").set_value("custom").run()
    assert "No block is chosen" in texts(test) and test.button(key="mg_add").disabled
    test.pills(key="mg_custom").set_value([2, 5]).run()
    test.button(key="mg_add").click().run()
    assert recipes(lab)[-1].blocks == (2, 5)


def test_custom_blocks_are_in_the_link(lab):
    test = page(mg_blocks="Custom", mg_custom="2,5,99,x")
    assert test.pills(key="mg_custom").value == [2, 5]
    test.pills(key="mg_custom").set_value([1, 2]).run()
    assert test.query_params["mg_custom"] == "1,2"
    test.segmented_control(key="mg_blocks").set_value("all").run()
    assert "mg_custom" not in test.query_params
    test.segmented_control(key="mg_blocks").set_value("custom").run()
    assert test.pills(key="mg_custom").value == [1, 2]


def test_running_recipes_show_progress_and_keep_their_place(lab):
    lab.status = {"m_ties": "running", "ties": "queued"}
    test = page()
    assert models(test)[:4] == ["Zero-shot", "Simple Average", "TIES k 0.2 (waiting)", "M-TIES k 0.8 e 0.1 (running)"]
    assert lab.watched == ["TIES k 0.2", "M-TIES k 0.8 e 0.1"]


def test_before_the_baselines_are_there_nothing_is_shaded_or_subtracted(lab):
    lab.status = {"baselines": "running", "measure": "running"}
    test = page()
    assert not test.exception
    assert models(test) == ["M-TIES k 0.8 e 0.1", "TIES k 0.2", "Simple Average"]
    assert table(test)["difference"].isna().all()
    assert lab.watched[0] == "Zero-shot, Individual and Ensemble"


def test_a_failed_recipe_says_why_and_can_be_tried_again_or_removed(monkeypatch):
    lab = FakeLab({"m_ties": "failed"}, error="The disk is full.").install(monkeypatch)
    test = page()
    assert "**M-TIES k 0.8 e 0.1**: The disk is full." in texts(test)
    retry, drop = [button for button in test.button if button.label in ("Try again", "Remove")]
    retry.click().run()
    assert [kind for kind, _ in lab.forgotten] == ["recipe"]
    drop = next(button for button in test.button if button.label == "Remove")
    drop.click().run()
    assert models(test)[1:3] == ["TIES k 0.2", "Simple Average"]
    assert "disk is full" not in texts(test)


def test_a_refused_submission_is_one_sentence(monkeypatch):
    FakeLab(refuse="The cache folder cannot be written.").install(monkeypatch)
    test = page(mg_method="Flat · TIES")
    assert not test.exception
    assert "The cache folder cannot be written." in texts(test)


def test_a_selected_row_can_be_renamed_repeated_and_removed(lab):
    test = page(mg_rows=row_key(M_TIES))
    assert "python -m mloss_core evaluate --zoo demo --method m_ties" in test.code[0].value
    test.text_input(key=f"mg_name_{row_key(M_TIES)}").set_value("ours").run()
    assert "ours" in models(test)
    assert json.loads(test.query_params["mg_recipes"])[-1] == {"method": "m_ties", "name": "ours"}
    test.button(key="mg_remove").click().run()
    assert "ours" not in models(test)


def test_edit_as_new_sets_the_builder(lab):
    key = row_key(Recipe(method="m_dare", options={"span": 0.3}, blocks=(1, 2)))
    recipes = '[{"method":"m_dare","options":{"span":0.3},"blocks":[1,2]}]'
    test = page(mg_recipes=recipes, mg_method="Flat · TIES", mg_rows=key)
    test.button(key="mg_edit").click().run()
    assert test.selectbox(key="mg_method").value == "m_dare"
    assert test.slider(key="mg_m_dare_span").value == 0.3
    assert test.pills(key="mg_custom").value == [1, 2]


def test_any_row_can_be_the_baseline_of_the_differences(lab):
    test = page(mg_rows="zero_shot")
    test.button(key="mg_use_baseline").click().run()
    frame = table(test).set_index("model")
    assert frame.loc["Ensemble", "difference"] > 15
    assert frame["difference"].isna().sum() == 1 and frame["difference_error"].notna().sum() == len(frame) - 1


def test_controls_come_with_one_click_and_a_plain_verdict(lab):
    test = page()
    assert "Do the M-Loss ranks of M-TIES k 0.8 e 0.1 help?" in texts(test)
    test.button(key="mg_offer_controls").click().run()
    assert len(recipes(lab)) == 7
    added = [recipe.options for recipe in recipes(lab)[3:]]
    assert added == [{"span": 0.0}, {"ranking": "reversed"}, {"ranking": "random"}, {"ranking": "uniform"}]
    assert "The M-Loss ranks of M-TIES k 0.8 e 0.1" in texts(test) and "same images" in texts(test)


def test_merged_weights_are_written_by_a_job_and_offered(lab, tmp_path):
    lab.file = str(tmp_path / "merged.safetensors")
    Path(lab.file).write_bytes(b"weights")
    test = page(mg_rows=row_key(M_TIES))
    assert not lab.kinds("merged_file")
    test.button(key="mg_get_weights").click().run()
    assert [params["recipe"]["method"] for params in lab.kinds("merged_file")] == ["m_ties"]
    assert "SHA-256 eeeeeeeeeeeeeeee…" in texts(test)


def test_published_results_come_from_one_source_at_a_time(lab):
    test = page(mg_tab="Published")
    assert len(test.dataframe) == 1 and "Table 1: merging methods" in texts(test)
    test.selectbox(key="mg_paper_source").select("iso_paper").run()
    assert not test.exception and "Before you compare" in texts(test) and "DTD is too easy here" in texts(test)
    test.segmented_control(key="mg_paper_tasks").set_value(20).run()
    assert list(table(test)["Method"])[2:5] == ["Iso-CTS", "TSV-M", "Iso-C"]
    test.selectbox(key="mg_paper_source").select("iso_paper_ta").run()
    assert not test.exception and "CART" in list(table(test)["Method"])
    test.segmented_control(key="mg_paper_backbone").set_value("ViT-L/14").run()
    assert table(test).set_index("Method").loc["CART", "Average"] == pytest.approx(90.8)


@pytest.mark.parametrize("tab", ["Per task", "Keep rates", "Published"])
def test_each_tab_opens_from_a_link(lab, tab):
    test = page(mg_tab=tab)
    assert not test.exception
    words = {
        "Per task": "Rows selected in the table",
        "Keep rates": "Rows of all blocks keep",
        "Published": "Published figures, not measured here",
    }
    assert words[tab] in texts(test)
    assert len(test.dataframe) == (1 if tab == "Published" else 0)


def test_an_empty_comparison_stays_empty(lab):
    test = page(mg_recipes="[]")
    assert models(test) == ["Zero-shot", "Ensemble", "Ensemble (features)", "Individual"]
    assert test.query_params["mg_recipes"] == "[]"


def test_the_tasks_are_columns(lab):
    assert [name for name in table(page()).columns if name in TASKS] == list(TASKS)


def test_the_scale_can_be_found_on_validation_images_and_taken(lab):
    test = page(mg_method="M-Loss guided · M-TIES")
    assert lab.kinds("tune") == []
    test.toggle(key="mg_tune").set_value(True).run()
    (asked,) = lab.kinds("tune")
    assert "scale" not in asked["recipe"]["options"] and asked["recipe"]["method"] == "m_ties"
    assert "Best at λ 0.4: 60.0 ± 1.0 % on 300 validation images. Within one standard error: λ 0.3." in texts(test)
    test.slider(key="mg_m_ties_scale").set_value(2.0).run()
    assert len(lab.kinds("tune")) == 1, "the scale of the slider changes nothing"
    test.button(key="mg_use_scale").click().run()
    assert test.slider(key="mg_m_ties_scale").value == 0.4
    assert test.button(key="mg_use_scale").disabled
    assert not test.exception


def test_the_scale_can_be_found_without_labels(lab):
    test = page(mg_method="M-Loss guided · M-TIES")
    test.toggle(key="mg_tune").set_value(True).run()
    assert not test.exception and "Validation accuracy" in test.selectbox(key="mg_tune_by").options
    test.selectbox(key="mg_tune_by").set_value("expert_agreement").run()
    asked = lab.kinds("tune")[-1]
    assert (asked["choose_by"], asked["images"], asked["source"]) == ("expert_agreement", 64, "train")
    assert "Best at λ 0.4: 60.0 ± 2.0 % on 300 training images without their labels." in texts(test)
    assert "mistakes count as truth" in texts(test)
    test.segmented_control(key="mg_tune_images").set_value(16).run()
    test.segmented_control(key="mg_tune_source").set_value("val").run()
    assert (lab.kinds("tune")[-1]["images"], lab.kinds("tune")[-1]["source"]) == (16, "val")
    assert "validation images with their labels hidden" in texts(test)
    test.button(key="mg_use_scale").click().run()
    assert test.slider(key="mg_m_ties_scale").value == 0.4 and not test.exception


def test_agreement_with_the_own_experts_stands_beside_that_with_the_ensemble(lab):
    names = list(table(page()).columns)
    assert names.index("expert_agreement") < names.index("agreement")
    frame = table(page()).set_index("model")
    assert frame.loc["Individual", "expert_agreement"] > frame.loc["Zero-shot", "expert_agreement"]


def test_images_without_labels_give_a_ranked_table_and_a_scale(lab):
    lab.unlabelled = True
    test = page(mg_method="M-Loss guided · M-TIES", mg_tune="true")
    assert not test.exception
    assert "have no labels" in texts(test) and "ranked by their agreement" in texts(test)
    frame = table(test)
    merges = frame[frame["model"].isin(["M-TIES k 0.8 e 0.1", "TIES k 0.2", "Simple Average"])]
    assert list(merges["expert_agreement"]) == sorted(merges["expert_agreement"], reverse=True)
    assert frame["average"].isna().all() and not frame["model"].str.contains("no labels").any()
    assert "Validation accuracy" not in test.selectbox(key="mg_tune_by").options
    assert lab.kinds("tune")[-1]["choose_by"] == "expert_agreement"


def test_the_study_opens_and_answers(lab):
    test = page(mg_method="M-Loss guided · M-TIES", mg_tune="true")
    test.button(key="mg_label_free").click().run()
    assert not test.exception


def test_methods_without_a_scale_have_none_to_find(lab):
    test = page(mg_method="Flat · Simple Average")
    assert not [toggle for toggle in test.toggle if toggle.key == "mg_tune"]
    assert not test.exception
