"""What users pass and what they get."""
