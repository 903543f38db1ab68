"""Names that tables of pairs use, for who makes them and who shows them. Loads no torch."""

METHODS = ("average", "task_arithmetic", "ties", "dare", "tsv_m", "iso_c", "m_ties", "actmat")
"""Methods by which pairs are merged unless told, each with its own default options."""
BASELINES = ("zero_shot", "individual")
"""What every table of merged pairs also holds."""
QUALITY = "normacc_"
"""Start of the columns that hold accuracy relative to the individual models, by method."""
