"""A Space's text as Markdown or HTML in which nothing runs."""
