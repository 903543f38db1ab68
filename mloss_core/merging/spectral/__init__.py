"""Methods that take matrices as matrices: singular vectors and values."""
