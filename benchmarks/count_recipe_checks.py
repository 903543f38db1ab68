"""How often an idle rerun of the Merge page reads and checks recipes: `python -m benchmarks.count_recipe_checks`.

Runs the page under AppTest twice, on a laboratory that reads each request as the real one does and answers at once; the
second run changes nothing. Counts calls of the functions below in it.
"""

import collections
import functools
import os
import sys
import tempfile
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


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLOSS_CACHE"] = folder
        main()
