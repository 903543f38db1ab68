import subprocess
import sys

import pytest

from mloss_core.errors import UnknownNameError
from mloss_core.evaluation.criteria.records import CRITERIA, LABEL_FREE, NEEDS, get_criterion


@pytest.mark.parametrize("criterion", CRITERIA.values(), ids=list(CRITERIA))
def test_every_record_says_what_it_is(criterion):
    assert CRITERIA[criterion.name] is criterion
    assert criterion.needs <= NEEDS and criterion.unit in ("fraction", "nats", "cosine")
    for words in (criterion.summary, criterion.weakness):
        assert words.endswith(".") and len(words) > 40
    assert criterion.title and criterion.short and criterion.data
    assert callable(criterion.function)


def test_only_validation_reads_labels():
    assert [name for name, criterion in CRITERIA.items() if criterion.labels] == ["validation"]
    assert LABEL_FREE == tuple(name for name in CRITERIA if name != "validation")


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownNameError, match="unknown criterion 'expert': did you mean"):
        get_criterion("expert")


def test_the_registry_needs_no_torch():
    code = (
        "import sys; from mloss_core.evaluation.criteria import CRITERIA; assert 'torch' not in sys.modules, CRITERIA"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
