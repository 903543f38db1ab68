"""The kinds of work: functions (zoo, params, progress) from plain values to a payload."""
