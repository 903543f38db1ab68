"""The field's 20 image-classification tasks: their wording, their numbers, and their files on disk."""
