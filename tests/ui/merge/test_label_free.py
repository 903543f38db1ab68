import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.evaluation.criteria.measured import ZOOS, image_counts, measured, summary_of
from mloss_core.evaluation.criteria.records import CRITERIA, LABEL_FREE
from mloss_core.evaluation.criteria.trust import trust
from ui.merge.label_free import answer, by_images, scatter, table, unlabelled_sentence


@pytest.fixture(scope="module")
def record():
    return measured()["demo"]


@pytest.mark.parametrize("zoo", list(measured()))
def test_the_record_is_what_its_own_recipes_give(zoo):
    """The stored correlation and loss of the first draw follow from the stored values."""
    record = measured()[zoo]
    assert zoo in ZOOS
    accuracy = [recipe["accuracy"] for recipe in record["recipes"]]
    for source in ("train", "val"):
        found = summary_of(record, source, image_counts(record)[-1])
        assert list(found) == [name for name in CRITERIA if name in found] and set(LABEL_FREE) <= set(found)
        for name, kept in found.items():
            values = [recipe["values"][source][name] for recipe in record["recipes"]]
            again = trust(values, accuracy)
            assert kept["spearman"] == pytest.approx(again.spearman)
            assert (kept["low"], kept["high"]) == pytest.approx((again.low, again.high))
            assert kept["lost_worst"] >= kept["lost"] >= 0 and kept["lost_worst"] >= again.lost - 1e-9


def test_the_chart_shows_every_recipe_and_marks_two(record):
    fig = scatter(record, CRITERIA["expert_agreement"], "train")
    dots, choice, best = fig.data
    assert len(dots.x) == len(record["recipes"])
    assert best.y[0] == max(dots.y) and choice.x[0] == max(dots.x)


def test_points_lost_by_images_have_a_line_for_each_criterion(record):
    fig = by_images(record, "val")
    assert [line.name for line in fig.data][-len(LABEL_FREE) :] == [CRITERIA[name].short for name in LABEL_FREE]
    assert all(list(line.x) == [str(count) for count in image_counts(record)] for line in fig.data)


def test_the_answer_and_the_table_are_of_the_record(record):
    found = summary_of(record, "train", image_counts(record)[-1])
    assert f"**{100 * found['ensemble_agreement']['lost']:.1f}**" in answer(record, "train")
    frame = table(record, "train").set_index("criterion")
    row = frame.loc[CRITERIA["entropy"].title]
    assert row["scale_worst"] == pytest.approx(100 * found["entropy"]["scale_lost_worst"])
    assert row["weakness"] == CRITERIA["entropy"].weakness


def test_the_dialogs_content_follows_its_choices():
    def script():
        from ui.merge.label_free import study

        study()

    at = AppTest.from_function(script, default_timeout=30).run()
    assert not at.exception and "points" in at.markdown[0].value
    at.selectbox(key="lf_criterion").set_value("entropy").run()
    at.selectbox(key="lf_source").set_value("val").run()
    assert not at.exception and CRITERIA["entropy"].weakness in at.caption[0].value


def test_many_tasks_without_labels_are_counted():
    assert "images of a and b have" in unlabelled_sentence(["a", "b"])
    assert "images of 4 tasks have" in unlabelled_sentence(list("abcd"))
