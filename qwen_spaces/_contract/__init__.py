"""Which endpoint of a Space is called, what goes there, and how its outputs are read."""
