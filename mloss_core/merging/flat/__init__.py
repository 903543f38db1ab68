"""Flat merges: guide, sparsifier, consensus and scale, entry by entry."""
