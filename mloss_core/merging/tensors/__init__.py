"""Parts that families share: consensus, decompositions, and which tensors a rule applies to."""
