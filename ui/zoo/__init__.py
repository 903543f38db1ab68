"""The zoo that is open, and choosing another."""
