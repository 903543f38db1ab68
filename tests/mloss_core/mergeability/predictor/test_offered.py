from mloss_core.mergeability.predictor import offered
from mloss_core.mergeability.predictor.offered import offered_tables, table_of


def test_tables_of_the_package_come_in_the_order_of_its_zoos_and_the_references_after_them(monkeypatch, tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for path in (ours / "wide.csv", ours / "demo20.csv", ours / "demo.csv", ours / "notes.txt"):
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (ours / "wide.json").write_text('{"title": "A wider encoder", "card": {"average": {}}}')
    (ours / "demo20.json").write_text("no facts")
    theirs.mkdir()
    for name in ("mergeability_ViT-B-16_AdamW.csv", "published.csv"):
        (theirs / name).write_text("")
    monkeypatch.setattr(offered, "FOLDER", ours)
    monkeypatch.setenv(offered.VARIABLE, str(theirs))
    found = offered_tables()
    assert [table.name for table in found] == ["demo", "demo20", "wide", "mergeability_ViT-B-16_AdamW"]
    assert [table.reference for table in found] == [False, False, False, True]
    assert [table.title for table in found[1:3]] == ["Demo zoo, 20 tasks", "A wider encoder"]
    assert [table.card for table in found] == [{}, {}, {"average": {}}, {}]
    assert found[0].title == "Demo zoo" and found[-1].title == "Zhou et al., ViT-B-16 AdamW"
    monkeypatch.setattr(offered, "FOLDER", tmp_path / "nowhere")
    monkeypatch.delenv(offered.VARIABLE)
    assert offered_tables() == []


def test_the_first_tasks_of_a_zoo_are_in_its_table():
    names = {"demo": "demo", "demo14": "demo20", "demo20": "demo20", "/my/folder": "/my/folder"}
    assert {name: table_of(name) for name in names} == names
