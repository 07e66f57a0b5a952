"""The types of arguments, events and replies."""
