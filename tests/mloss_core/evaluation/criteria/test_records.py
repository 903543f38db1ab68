import subprocess
import sys

import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.evaluation.criteria.records import CRITERIA, LABEL_FREE, NEEDS, check_choice, get_criterion


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


def test_bad_choices_are_refused():
    with pytest.raises(UnknownNameError, match="unknown criterion 'expert': did you mean"):
        get_criterion("expert")
    with pytest.raises(InvalidOptionError, match="at least 1; found 0"):
        check_choice("entropy", 0, "train")
    with pytest.raises(InvalidOptionError, match="come from train or val; found 'test'"):
        check_choice("entropy", 4, "test")


def test_the_registry_needs_no_torch():
    code = (
        "import sys; from mloss_core.evaluation.criteria import CRITERIA; CRITERIA; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
