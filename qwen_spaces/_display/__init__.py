"""An answer in a notebook cell or on plain output."""
