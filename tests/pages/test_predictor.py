import io
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.mergeability.predictor import offered
from mloss_core.mergeability.predictor.solvers import SOLVERS
from tests.mloss_core.mergeability.predictor.made_tables import made_table
from ui import jobs
from ui.predictor import source
from ui.zoo.facts import ZooFacts

PAGE = str(Path(__file__).parents[2] / "pages" / "predictor.py")
TASKS = tuple(f"t{number}" for number in range(8))


@pytest.fixture(autouse=True)
def tables(monkeypatch, tmp_path):
    """A folder of tables: that of the open zoo, and one of another."""
    frame = made_table(8, noise=0.01).rename(columns={"good": "mloss", "bad": "activation_dot_product"})
    frame = frame.rename(columns={"idle": "stable_rank"})
    frame.to_csv(tmp_path / "demo.csv", index=False)
    made_table(6, noise=0.01).to_csv(tmp_path / "other.csv", index=False)
    monkeypatch.setattr(offered, "FOLDER", tmp_path)
    monkeypatch.delenv(offered.VARIABLE, raising=False)
    facts = ZooFacts("demo", "d" * 64, TASKS, 4, 32, 8, 1000, {})
    monkeypatch.setattr("ui.frame.zoo_facts", lambda name: facts)
    return tmp_path


def page(**params):
    test = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in params.items():
        test.query_params[name] = value
    return test.run()


def texts(test):
    groups = (test.markdown, test.caption, test.info, test.error)
    return " ".join(str(item.value) for group in groups for item in group)


def charts(test):
    return len(test.get("plotly_chart"))


def test_a_first_visit_answers_for_the_open_zoo():
    test = page()
    assert not test.exception and test.title[0].value == "Predictor"
    assert test.selectbox(key="pr_table").value == "demo" and test.selectbox(key="pr_kind").value == "normalised"
    assert "3 metrics predict the **normalised accuracy** of pairs merged by **TIES** with **r = " in texts(test)
    assert "M-Loss alone" in texts(test) and charts(test) == 3


@pytest.mark.parametrize(
    ("tab", "count", "words"),
    [
        ("Coefficients", 3, "arbitrary ways"),
        ("Ablations", 3, ""),
        ("Metrics alone", 3, "renamings of the tasks"),
        ("Choosing", 3, "**By measurement**"),
        ("What one adds", 2, "with **Pairwise M-Loss** it is"),
        ("How many tasks", 3, ""),
        ("Foretell", 2, "Fits that left one of its models out say"),
    ],
)
def test_each_tab_opens_from_a_link(tab, count, words):
    test = page(pr_tab=tab)
    assert not test.exception and not test.error
    assert charts(test) == count and words in texts(test)
    test.run()
    assert not test.exception and words in texts(test)


@pytest.mark.parametrize("protocol", ["Leave two tasks out", "Disjoint halves"])
def test_other_ways_of_holding_out(protocol):
    test = page(pr_protocol=protocol)
    assert not test.exception and "unavailable for unseen tasks" in texts(test)


def test_choices_change_the_answer():
    test = page()
    test.selectbox(key="pr_kind").set_value("raw").run()
    assert "**raw accuracy**" in texts(test) and "mostly measures how hard the tasks are" in texts(test)
    test.selectbox(key="pr_solver").set_value("ols").run()
    assert not test.exception and test.selectbox(key="pr_alpha_none").disabled
    test.selectbox(key="pr_metrics").set_value("choose").run()
    test.multiselect(key="pr_names").set_value(["mloss"]).run()
    assert "**Pairwise M-Loss** alone predicts" in texts(test)
    test.multiselect(key="pr_names").set_value([]).run()
    assert "Choose at least one metric." in texts(test)


def test_a_nested_penalty_and_a_network():
    test = page(pr_alpha_lasso="Nested")
    assert not test.exception and "Nested is the honest figure" not in texts(test)
    test.selectbox(key="pr_solver").set_value("mlp").run()
    assert not test.exception and "no coefficients" in texts(test)


@pytest.mark.parametrize("solver", list(SOLVERS))
def test_every_solver_has_its_penalties(solver):
    test = page()
    test.selectbox(key="pr_solver").set_value(solver).run()
    assert not test.exception and "predict the **normalised accuracy**" in texts(test)


def test_what_a_table_does_not_allow_is_one_sentence():
    test = page(pr_protocol="Disjoint halves", pr_kind="Interaction residual")
    assert not test.exception and len(test.error) == 1 and "Choose loto" in test.error[0].value


def test_without_tables_there_is_a_place_to_drop_one(tables):
    for path in tables.glob("*.csv"):
        path.unlink()
    test = page()
    assert not test.exception and "Upload a table of pairs" in texts(test)
    assert len(test.get("file_uploader")) == 1


def upload(monkeypatch, content, name="mine.csv"):
    """The page as it is after a file was dropped."""
    monkeypatch.setattr(source.st, "session_state", {})
    held = SimpleNamespace(name=name, getvalue=lambda: content)
    source.st.session_state[source._KEY] = held
    source._take()
    state = dict(source.st.session_state)
    monkeypatch.undo()
    return state


def dropped(content, name="mine.csv"):
    test = AppTest.from_file(PAGE, default_timeout=60)
    test.session_state[source._FILE] = (name, content)
    test.session_state[source.TABLE] = "uploaded"
    return test.run()


def csv(frame):
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False)
    return buffer.getvalue().encode()


def test_a_dropped_file_is_opened_at_once(monkeypatch):
    state = upload(monkeypatch, b"task_a,task_b\n")
    assert state[source._FILE] == ("mine.csv", b"task_a,task_b\n") and state[source.TABLE] == "uploaded"


def test_a_foreign_table_without_known_names():
    frame = made_table(7, noise=0.01)[["task_a", "task_b", "good", "bad", "normacc_ties"]]
    frame = frame.rename(columns={"normacc_ties": "quality"})
    test = dropped(csv(frame))
    test.selectbox(key="pr_column").set_value("quality").run()
    assert not test.exception and "2 metrics predict **quality** with **r = " in texts(test)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "it is empty"),
        (b"a,b\n1,2\n", "must have columns task_a and task_b"),
        (b"\xff\xfe", "must be text in UTF-8"),
        (b"task_a,task_b,m\nx,y,1\n", "must differ between pairs"),
        (csv(made_table(3)), "needs pairs of at least 4 tasks"),
    ],
)
def test_a_bad_file_is_one_sentence(content, sentence):
    test = dropped(content)
    assert not test.exception and len(test.error) == 1
    assert sentence in test.error[0].value and charts(test) == 0


def test_names_from_files_are_no_markup():
    frame = made_table(6, noise=0.01)
    frame[["task_a", "task_b"]] = frame[["task_a", "task_b"]].map(lambda name: f"![{name}](http://x.y/z)")
    test = dropped(csv(frame), name="![a](http://b.c).csv")
    assert not test.exception and "](http" not in texts(test).replace("\\](http", "")


def test_a_merge_says_how_far_off_the_prediction_was(monkeypatch):
    asked = []

    def answer(kind, params, **rest):
        asked.append((kind, params))
        return SimpleNamespace(meta={"row": {"tasks": {"t0": 0.45, "t1": 0.416}}})

    monkeypatch.setattr(jobs, "job_payload", answer)
    test = page(pr_tab="Foretell")
    test.button(key="pr_merge").click().run()
    assert not test.exception
    (kind, params), *_ = asked
    assert kind == "recipe" and params["tasks"] == ["t0", "t1"] and params["recipe"]["method"] == "ties"
    shown = {metric.label: metric for metric in test.metric}
    # (0.45 / 0.50 + 0.416 / 0.52) / 2
    assert shown["Measured"].value == "85.0 %" and shown["Measured"].delta.endswith("points")


def test_pairs_of_the_open_zoo_are_predicted_from_measured_metrics(monkeypatch):
    asked = []

    def answer(kind, params, **rest):
        asked.append((kind, params))
        frame = pd.DataFrame([("x", "y"), ("x", "z")], columns=["task_a", "task_b"])
        return SimpleNamespace(
            meta={
                "pairs": frame.assign(mloss=[0.1, 9.0], activation_dot_product=0.1, stable_rank=0.2).to_dict("records")
            }
        )

    monkeypatch.setattr(jobs, "job_payload", answer)
    test = page(pr_tab="Foretell")
    test.button(key="pr_pairs").click().run()
    assert not test.exception and asked[0][0] == "pairs"
    assert asked[0][1]["metrics"] == ["mloss", "activation_dot_product", "stable_rank"]
    table = test.dataframe[0].value
    assert list(table["Outside training range"]) == ["Pairwise M-Loss", ""] and len(table) == 2


def test_the_page_process_loads_neither_torch_nor_scikit_learn():
    code = "import sys, ui.predictor.page; sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(PAGE).parents[1], timeout=120).returncode == 0


def test_models_that_do_not_ship_are_told_beside_their_table(tables):
    def row(*shares):
        return {
            name: {"average": share, "standard_error": 0.01}
            for name, share in zip(("zero_shot", "simple_average", "tsv_m", "individual"), shares, strict=True)
        }

    card = {
        "average": {"val": row(0.5, 0.7, 0.8, 0.95), "test": row(0.51, 0.71, 0.81, 0.96)},
        "chosen": {"simple_average": {"method": "average"}, "tsv_m": {"method": "tsv_m"}},
    }
    (tables / "other.json").write_text(json.dumps({"title": "Others", "card": card}))
    test = page()
    assert "Its models" not in texts(test)
    said = texts(test.selectbox(key="pr_table").set_value("other").run())
    assert "Its models, test images: Zero-shot 51.0 %, Simple Average 71.0 %, Individual 96.0 % and 81.0 % by" in said
    assert "the best merge on validation images" in said
