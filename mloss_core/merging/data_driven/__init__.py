"""Methods that look at images of the tasks."""
