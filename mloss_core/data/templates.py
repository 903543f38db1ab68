"""Sentences of zero-shot heads: each has one place for a class name."""

from mloss_core.errors import DatasetError

PLACE = "{}"
"""Where the class name goes."""
_SHOWN = 80


def check_template(template: str) -> None:
    """Refuse a sentence that has not exactly one place for a class name.

    Raises:
        DatasetError: no `{}`, several, or other braces.
    """
    if not isinstance(template, str) or template.count(PLACE) != 1 or set(PLACE) & set(template.replace(PLACE, "")):
        raise DatasetError(
            f"a template must hold exactly one {PLACE}, where the class name goes, and no other braces; found "
            f"{str(template)[:_SHOWN]!r}."
        )


def filled(template: str, name: str) -> str:
    """The sentence about a class; the name may hold anything, braces too."""
    return template.replace(PLACE, name)
