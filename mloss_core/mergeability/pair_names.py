"""Names that tables of pairs use, for who makes them and who shows them. Loads no torch."""

METHODS = ("average", "task_arithmetic", "ties", "dare", "tsv_m", "iso_c", "m_ties", "actmat")
"""Methods by which pairs are merged unless told, each with its own default options."""
BASELINES = ("zero_shot", "individual")
"""What every table of merged pairs also holds."""
QUALITY = "normacc_"
"""Start of the columns that hold accuracy relative to the individual models, by method."""
AGREEMENT = "merged_agreement"
"""The column of the averaged pair's agreement with its two experts."""
AGREEMENT_IMAGES = 64
"""Unlabeled images of each task on which averages are compared with experts."""
SEPARATOR = "|"
_ESCAPES = (("%", "%25"), (SEPARATOR, "%7C"), ("<", "%3C"))
"""What names must not hold where two stand in one text: `<` since figures show foreign tags as text."""


def pair_text(first: str, second: str) -> str:
    """Two tasks in one text, as links and clicks carry them; `read_pair` has them back, whatever they are called.

    Example:
        >>> pair_text("digits", "50%|b")
        'digits|50%25%7Cb'
    """
    names = []
    for name in (first, second):
        for sign, code in _ESCAPES:
            name = name.replace(sign, code)
        names.append(name)
    return SEPARATOR.join(names)


def read_pair(text: str) -> tuple[str, str] | None:
    """The two names of `pair_text`; None where the text holds another number of them."""
    names = text.split(SEPARATOR)
    if len(names) != 2:
        return None
    for sign, code in reversed(_ESCAPES):
        names = [name.replace(code, sign) for name in names]
    return names[0], names[1]
