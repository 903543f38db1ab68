"""Methods that select weights by agreement, magnitude or competition, and masks for each task."""
