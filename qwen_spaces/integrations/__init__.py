"""One file for each optional friend; see the extras of the same names."""
