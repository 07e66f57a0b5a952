"""An answer in a notebook's cell, or on plain output."""
