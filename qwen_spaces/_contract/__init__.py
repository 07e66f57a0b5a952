"""Find the chat endpoint of a Space, build its calls, and parse its outputs."""
