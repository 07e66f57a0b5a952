"""What makes a `QwenSpace` of a name: the facades, their signatures, the settings."""
