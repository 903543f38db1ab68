"""What thins a task vector: trims, random drops, keep rates of rows from M-Loss."""
