"""Live requests: each window has one, a newer takes the place of the older, and answers come in ever better states."""
