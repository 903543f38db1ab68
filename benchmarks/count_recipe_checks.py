"""A recipe's way from the Merge page to the tensors and back: `python -m benchmarks.count_recipe_checks`.

Runs the page under AppTest twice, on a laboratory that reads each request as the real one does and answers at once; the
second run changes nothing, and calls of the functions below are counted in it. Then one merge is asked for by the page
and done by the real job on the demo zoo: the files are counted whose functions are handed a recipe, in any form
(`--files` lists them), and how often it is written out or read back.
"""

import collections
import functools
import os
import sys
import tempfile
import threading
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

COUNTED = ("check_recipe", "build_options", "from_dict", "to_dict")


def main() -> None:
    """Print the counts of the second run."""
    from streamlit.testing.v1 import AppTest

    from mloss_core.lab import requests
    from mloss_core.merging import methods
    from mloss_core.recipe import Recipe
    from tests.pages.merge_lab import FakeLab

    counts: collections.Counter[str] = collections.Counter()
    patch = pytest.MonkeyPatch()

    def counted(name, function):
        @functools.wraps(function)
        def call(*arguments, **options):
            counts[name] += 1
            return function(*arguments, **options)

        return call

    class Lab(FakeLab):
        def submit(self, kind, params, on=None):
            requests.canonical(kind, params)
            return super().submit(kind, params, on)

        def _recipe(self, params):
            with pytest.MonkeyPatch.context() as quiet:
                quiet.setattr(Recipe, "from_dict", classmethod(read))
                return super()._recipe(params)

    read, plain = Recipe.from_dict.__func__, methods.check_recipe
    Lab().install(patch)
    app = AppTest.from_file(str(Path(__file__).parents[1] / "pages" / "merge.py"), default_timeout=60).run()
    assert not app.exception, app.exception
    for module in list(sys.modules.values()):
        if getattr(module, "check_recipe", None) is plain:
            patch.setattr(module, "check_recipe", counted("check_recipe", plain))
    patch.setattr(methods, "build_options", counted("build_options", methods.build_options))
    patch.setattr(Recipe, "to_dict", counted("to_dict", Recipe.to_dict))
    patch.setattr(Recipe, "from_dict", classmethod(counted("from_dict", read)))
    app.run()
    assert not app.exception, app.exception
    for name in COUNTED:
        print(f"{name:16} {counts[name]}")
    patch.undo()


def trip() -> None:
    """Print the files that a recipe enters on its way, and how often it changes its form."""
    from streamlit.testing.v1 import AppTest

    from mloss_core.lab.running import run_now
    from mloss_core.recipe import Recipe
    from tests.pages.merge_lab import FakeLab

    root = str(Path(__file__).resolve().parent.parent)
    files: set[str] = set()
    forms: collections.Counter[str] = collections.Counter()

    def holds_recipe(value) -> bool:
        if isinstance(value, dict) and "recipe" in value:
            value = value["recipe"]
        value = getattr(value, "recipe", value)
        return isinstance(value, Recipe) or (isinstance(value, dict) and {"method", "options"} <= set(value))

    def look(frame, event, argument):
        path = frame.f_code.co_filename
        if event != "call" or not path.startswith(root) or not ("/ui/" in path or "/mloss_core/" in path):
            return
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        if any(holds_recipe(frame.f_locals.get(name)) for name in names):
            files.add(path.removeprefix(root))
        if path.endswith("/recipe.py") and frame.f_code.co_name in ("to_dict", "from_dict", "to_json", "from_json"):
            forms["recipe." + frame.f_code.co_name] += 1

    lab = FakeLab().install(pytest.MonkeyPatch())
    sys.setprofile(look)
    threading.setprofile(look)
    AppTest.from_file(str(Path(__file__).parents[1] / "pages" / "merge.py"), default_timeout=120).run()
    kind, params = next((kind, params) for kind, params in lab.submitted if kind == "recipe")
    page_forms = dict(forms)
    forms.clear()
    run_now(kind, {**params, "limit": 5}, "cpu", lambda fraction, message="": None)
    sys.setprofile(None)
    threading.setprofile(None)
    print(f"files that a recipe enters: {len(files)}")
    if "--files" in sys.argv:
        print(*sorted(files), sep="\n")
    print(f"changes of form on the page, first visit: {sum(page_forms.values())}; in the job: {sum(forms.values())}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLOSS_CACHE"] = folder
        main()
        trip()
