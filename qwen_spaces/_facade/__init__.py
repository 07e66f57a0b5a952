"""The facts, signatures and settings of a facade."""
