"""One file a kind of work: `run(zoo, params, progress)` from plain values to a payload."""
