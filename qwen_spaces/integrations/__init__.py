"""One file for each library we integrate with; see the extras of the same names."""
