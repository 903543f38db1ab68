"""The Overview page, put together: the idea, where to go next, and how well the open zoo does."""

from ui import jobs
from ui.errors import guard
from ui.mloss_map.controls import default_measured
from ui.overview import folder
from ui.overview.card import answerers_of, models_of, sampled_of
from ui.overview.curve import card_figures
from ui.overview.measured import best_measured
from ui.overview.samples import sample_section
from ui.overview.view import headline, introduction, machine_line, model_section, next_steps, story
from ui.zoo.facts import ZooFacts


def overview(zoo: ZooFacts) -> None:
    """Draw the page below its title."""
    introduction(zoo)
    next_steps()
    if zoo.own:
        _without_card(zoo)
    else:
        _with_card(zoo)


def _with_card(zoo: ZooFacts) -> None:
    """A zoo with a model card: its figures at once."""
    with guard():
        answerers = answerers_of(zoo)
        headline(zoo, answerers, best_measured(zoo))
        story(zoo, answerers)
        card_figures(zoo)
        models = models_of(zoo)
        model_section(models)
        sample_section(zoo, sampled_of(models))
    machine_line(zoo)
    jobs.prefetch("measure", default_measured(zoo).params(zoo))


def _without_card(zoo: ZooFacts) -> None:
    """A folder of checkpoints: what was found in it, and figures when they are asked for."""
    folder.report(zoo)
    folder.model_table(zoo)
    folder.accuracies(zoo)
    sample_section(zoo, folder.sampled(zoo))
    machine_line(zoo)
