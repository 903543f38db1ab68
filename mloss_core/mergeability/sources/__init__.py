"""Where facts of pairs come from: a file a source, and the table of them."""
