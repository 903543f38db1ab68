"""Task names out of file and folder names: which dataset a model was tuned on, and which file is the pretrained one."""

import re

_MODEL = re.compile(
    r"(clip[-_])?vit[-_](base|large|huge|giant|small|bigg|[bslhg])[-_](patch)?\d+"
    r"([-_](224|240|256|336|378|384|448))?([-_]quickgelu)?(?![a-z0-9])",
    re.IGNORECASE,
)
_FILLER = re.compile(r"(?:^|(?<=[-_. ]))(non-?linear|fine-?tuned?|ft)(?=$|[-_. ])", re.IGNORECASE)
_TRAINING_DATA = re.compile(
    r"(?:^|(?<=[-_. ]))(laion|datacomp|commonpool|openai|metaclip|dfn)[a-z0-9]*(\.[a-z]{1,2}(?![a-z]))?"
    r"([-_][sbe]\d+[bkm]?(?![a-z0-9]))*(?=$|[-_. ])",
    re.IGNORECASE,
)
"""What a model was pretrained on, as `laion2B-s32B-b82K` or `DataComp.XL-s13B-b90K`."""
_BASE_WORDS = {"zeroshot", "pretrained", "base", "openai"}
_BASE_STARTS = ("laion", "datacomp")
_SEPARATORS = "-_. "


def dataset_name(text: str) -> str:
    """The dataset that a file or folder name speaks of, as written; empty when it names a model alone.

    Example:
        >>> dataset_name("tanganke__clip-vit-base-patch32_stanford-cars"), dataset_name("MNISTVal")
        ('stanford-cars', 'MNIST')
    """
    model = _MODEL.search(text)
    if model:
        before, after = text[: model.start()].strip(_SEPARATORS), text[model.end() :].strip(_SEPARATORS)
        # In front of a model's name stands whoever published it, unless nothing follows.
        text = _plain(after) or _plain(before) or after
    else:
        text = _plain(text) or text
    shorter = text.removesuffix("Val")
    return shorter or text


def task_name(text: str) -> str:
    """`dataset_name` in lower case."""
    return dataset_name(text).lower()


def is_base_name(text: str) -> bool:
    """Whether a file or folder name speaks of the pretrained model: `zeroshot`, `pretrained`, `base` or no dataset."""
    name = re.sub(r"(zero|pre)[-_ ](shot|trained)", r"\1\2", dataset_name(text).lower())
    words = re.split(r"[-_. ]+", name)
    return not name or bool(_BASE_WORDS & set(words)) or any(word.startswith(_BASE_STARTS) for word in words)


def _plain(text: str) -> str:
    return _FILLER.sub("", _TRAINING_DATA.sub("", text)).strip(_SEPARATORS)
