"""Overview: what this is about, how well the open zoo does, and where to go next."""

from ui import frame, jobs
from ui.errors import guard
from ui.mloss_map_controls import default_measured
from ui.overview_data import answerers_of, models_of
from ui.overview_samples import sample_section
from ui.overview_view import headline, introduction, machine_line, model_section, next_steps, question, story

zoo = frame.page(question(frame.current_zoo()))
introduction(zoo)
next_steps()
with guard():
    answerers = answerers_of(zoo)
    headline(zoo, answerers)
    story(zoo, answerers)
    models = models_of(zoo)
    model_section(models)
    sample_section(zoo, models)
machine_line(zoo)
jobs.prefetch("measure", default_measured(zoo).params(zoo))
