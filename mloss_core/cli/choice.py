"""By which criterion, and on which images, a command chooses: `--choose-by`, `--images`, `--source`."""

import argparse

from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.criteria.choice import IMAGES, SOURCES, Choice, check_images
from mloss_core.evaluation.criteria.records import CRITERIA, get_criterion


def add_choice(parser: argparse.ArgumentParser) -> None:
    """The flags, with what each criterion is in the help."""
    group = parser.add_argument_group("criteria", "what merges are judged by where labels are not used")
    said = "; ".join(f"{one.name} ({one.data})" for one in CRITERIA.values())
    group.add_argument(
        "--choose-by",
        metavar="CRITERION",
        help=f"how --tune chooses: {said} (default: validation; expert_agreement where images have no labels)",
    )
    group.add_argument(
        "--images",
        type=int,
        metavar="N",
        help=f"unlabeled images of each task, at most, that criteria look at (default: {IMAGES})",
    )
    group.add_argument(
        "--source",
        choices=tuple(SOURCES),
        help="their split; labels stay hidden (default: train, val where it is empty)",
    )


def check_choice(options: argparse.Namespace) -> None:
    """Refuse, before any work, flags that cannot be.

    Raises:
        UnknownNameError, InvalidOptionError: a criterion or number that cannot be, or `--choose-by` without `--tune`.
    """
    if options.choose_by is not None:
        get_criterion(options.choose_by)
        if not options.tune:
            raise InvalidOptionError(
                "--choose-by says how --tune chooses; give --tune as well, or tune: true in a run file."
            )
    check_images(options.images, options.source or "train")


def chosen_choice(options: argparse.Namespace, unlabelled: bool) -> Choice:
    """The choice that the flags describe.

    Args:
        options: of a parser with `add_choice`.
        unlabelled: whether some images have no labels.

    Raises:
        InvalidOptionError: a criterion that reads labels, where there are none.
    """
    choice = Choice(
        options.choose_by or ("expert_agreement" if unlabelled else "validation"),
        options.images or IMAGES,
        options.source or "train",
    )
    if choice.labels and unlabelled:
        raise InvalidOptionError(
            "validation accuracy needs labels, which some images here do not have; choose by another criterion, as "
            "--choose-by expert_agreement does."
        )
    return choice
