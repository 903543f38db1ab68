"""The Inspect page: which images one model gets right that another gets wrong."""
