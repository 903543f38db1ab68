"""What surfaces, paths and planes may show. Imports no torch."""

CRITERIA = {"validation": "Validation accuracy", "expert_agreement": "Agreement with the own experts"}
"""Names of criteria, with titles for people. The second reads no label."""
