"""Overview: what this is about, how well the open zoo does, and where to go next."""

from ui import frame, jobs
from ui.errors import guard
from ui.mloss_map.controls import default_measured
from ui.overview import folder as own_zoo
from ui.overview.card import answerers_of, models_of, sampled_of
from ui.overview.samples import sample_section
from ui.overview.view import headline, introduction, machine_line, model_section, next_steps, question, story
from ui.zoo.facts import ZooFacts


def recorded(zoo: ZooFacts) -> None:
    """A zoo with a model card: its figures at once."""
    with guard():
        answerers = answerers_of(zoo)
        headline(zoo, answerers)
        story(zoo, answerers)
        models = models_of(zoo)
        model_section(models)
        sample_section(zoo, sampled_of(models))
    machine_line(zoo)
    jobs.prefetch("measure", default_measured(zoo).params(zoo))


def opened(zoo: ZooFacts) -> None:
    """A folder of checkpoints: what was found in it, and figures when they are asked for."""
    own_zoo.report(zoo)
    own_zoo.model_table(zoo)
    own_zoo.accuracies(zoo)
    sample_section(zoo, own_zoo.sampled(zoo))
    machine_line(zoo)


zoo = frame.page(question(frame.current_zoo()))
introduction(zoo)
next_steps()
if zoo.own:
    opened(zoo)
else:
    recorded(zoo)
