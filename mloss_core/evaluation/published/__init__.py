"""Published accuracies, scales and recipes, to set beside what is measured here."""
