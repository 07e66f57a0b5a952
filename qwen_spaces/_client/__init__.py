"""How requests get to a Space."""
