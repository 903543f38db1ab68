"""The M-Loss map."""
