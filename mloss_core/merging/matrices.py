"""The matrices of a transformer block. Imports no torch."""

MATRICES = {
    "attn.in_proj_weight": "Attention in",
    "attn.out_proj.weight": "Attention out",
    "mlp.c_fc.weight": "MLP in",
    "mlp.c_proj.weight": "MLP out",
}
"""By the end of their names, with words for people."""
