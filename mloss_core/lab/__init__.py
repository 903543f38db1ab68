"""Use cases that the app and the command line share, and the jobs that run them outside the page."""
