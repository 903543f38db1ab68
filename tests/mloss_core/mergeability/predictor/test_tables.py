import io

import numpy as np
import pandas as pd
import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.predictor import check_table, join_tables, parse_table, read_table
from tests.mloss_core.mergeability.predictor.made_tables import made_table

TEXT = "task_a,task_b,good,acc_ties\nx,y,1,0.5\nx,z,2,0.6\ny,z,3,0.7\n"


def test_a_plain_table():
    table = parse_table(TEXT.encode())
    assert table.tasks == ("x", "y", "z") and table.numbers == ("good", "acc_ties") and table.notes == ()
    assert table.frame["good"].tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT + "\n \n",
        TEXT.replace("task_a,", " task_a ,").replace("x,", " x ,"),
        TEXT.replace("x,y", '"x","y"'),
    ],
)
def test_byte_order_marks_line_ends_blank_lines_spaces_and_quotes_change_nothing(text):
    pd.testing.assert_frame_equal(parse_table(text.encode()).frame, parse_table(TEXT.encode()).frame)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "must begin with a line of column names; it is empty"),
        ("task_a,task_b,good\n", "it has no rows"),
        ("a,b,good\nx,y,1\n", "must have columns task_a and task_b; found 'a', 'b', 'good'; no task_a and task_b"),
        ("task_a,task_b,g,g\nx,y,1,2\n", "must name each column once; found 'g' twice"),
        ("task_a,task_b,g\nx,y,1,2\n", "row 1 has 4 cells where the header has 3"),
        ("task_a;task_b;g\nx;y;1\n", "must have commas between columns"),
        ("task_a,task_b,g\nx,,1\n", "row 1 has no task_b"),
        ('task_a,task_b,g\n"x,y,1\n', "must be CSV"),
        ("task_a,task_b,g\nx,y,1\0\n", "zero byte"),
        (TEXT + "y,x,9,0.5\n", r"'x' with 'y' is in rows 1 and 4 with different good"),
        (TEXT + f"{'q' * 300},x,9,0.5\n", "names of tasks have at most 200 letters"),
    ],
)
def test_what_is_no_table_is_told_in_one_sentence(text, sentence):
    with pytest.raises(InvalidOptionError, match=sentence) as caught:
        parse_table(text.encode())
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_other_encodings_and_long_files():
    with pytest.raises(InvalidOptionError, match="must be text in UTF-8; byte 1 is none"):
        parse_table(TEXT.encode("utf-16"))
    with pytest.raises(InvalidOptionError, match="at most 20 MB"):
        parse_table(b" " * 20_000_001)
    with pytest.raises(InvalidOptionError, match="cannot be read: No such file"):
        read_table("/nowhere/table.csv")


def test_missing_infinite_and_text():
    text = "task_a,task_b,m,inf,note\nx,y,NA,1,fine\nx,z,,inf,\ny,z,3,-inf,\n"
    table = parse_table(text.encode())
    assert np.isnan(table.frame["m"].to_numpy()).tolist() == [True, True, False]
    assert np.isnan(table.frame["inf"].to_numpy()).tolist() == [False, True, True]
    assert table.notes == ("inf: 2 cells with an infinite or absurdly large number counted as missing.",)
    assert table.texts == {"note": (1, "fine")}


def test_a_pair_that_is_there_twice_counts_once_in_either_order():
    frame = made_table(4)
    turned = frame.rename(
        columns={"task_a": "task_b", "task_b": "task_a", "acc_a_ties": "acc_b_ties", "acc_b_ties": "acc_a_ties"}
    )
    table = check_table(pd.concat([frame, turned, frame.iloc[:1]]))
    assert len(table.frame) == 6
    assert table.notes == ("7 rows repeat a pair, in either order of its tasks, with the same numbers: left out.",)
    pd.testing.assert_frame_equal(table.frame, check_table(frame).frame)


def test_a_task_with_itself_is_left_out():
    table = parse_table((TEXT + "x,x,0,1\n").encode())
    assert len(table.frame) == 3 and table.notes == ("1 row pairs a task with itself: left out.",)


def test_a_frame_of_pandas_reads_as_its_file_does():
    frame = made_table(5)
    frame.loc[2, "good"] = np.nan
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False)
    pd.testing.assert_frame_equal(check_table(frame).frame, parse_table(buffer.getvalue().encode()).frame)
    with pytest.raises(InvalidOptionError, match="must be a data frame; found a list"):
        check_table([1])


def test_metrics_and_accuracies_from_two_files():
    frame = made_table(5)
    metrics = frame[["task_a", "task_b", "good", "bad", "idle"]]
    merges = frame.drop(columns=["good", "bad", "idle"])
    turned = merges.rename(
        columns={"task_a": "task_b", "task_b": "task_a", "acc_a_ties": "acc_b_ties", "acc_b_ties": "acc_a_ties"}
    )
    for other in (merges, turned, turned.iloc[::-1]):
        joined = join_tables([check_table(metrics), check_table(other)])
        pd.testing.assert_frame_equal(joined.frame[list(frame.columns)], check_table(frame).frame)
    fewer = join_tables([check_table(metrics.iloc[1:]), check_table(merges)])
    assert len(fewer.frame) == 9 and fewer.notes == ("1 pair is in one table alone: left out.",)
    with pytest.raises(InvalidOptionError, match="'good' differs between them"):
        join_tables([check_table(metrics), check_table(frame.assign(good=1.0))])
    with pytest.raises(InvalidOptionError, match="must have pairs in common; one has 't0', 't1'"):
        join_tables([check_table(metrics), parse_table(TEXT.encode())])
