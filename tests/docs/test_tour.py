"""docs/tour.ipynb runs from top to bottom, without a notebook server."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "tour.ipynb"
CHECKS = """
assert zoo.tasks == ("digits", "signs") and len(report.layers) == report.layers["block"].nunique()
rows = compared.set_index("model")["average"]
assert rows["Ensemble"] > rows["Zero-shot"] and (compared["kind"] == "merged").sum() == 5
assert sum(seen.counts.values()) == 200
update = mine.function(inputs, MedianOptions()).tensor("w").update
assert update.tolist() == [[2.0, 3.0, 0.0]]
assert set(table["kind"]) >= {"merged", "ensemble", "individual", "zero_shot"}
"""


def cells(kind):
    return [
        "".join(cell["source"])
        for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == kind
    ]


def test_the_tour_runs_from_top_to_bottom():
    code = "\n\n".join([*cells("code"), CHECKS])
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=100,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 0, run.stderr
    assert "The entries that agree are summed" in run.stdout


def test_the_tour_is_stored_without_outputs_and_tells_its_story():
    stored = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in stored)
    words = " ".join(cells("markdown"))
    assert all(
        part in words
        for part in ("M-Loss", "Ensemble", "Controls", "Which images?", "A method of your own", "Test images")
    )
