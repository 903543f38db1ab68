"""What each type of job does: functions (zoo, params, progress) from plain values to a payload."""
