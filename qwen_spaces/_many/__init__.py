"""Many prompts to one Space, and one prompt to one of several Spaces."""
