"""Convert untrusted text to inert Markdown or HTML."""
