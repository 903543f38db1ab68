"""The What-if page: one recipe, live."""
