"""The template language: Jinja, bounded and compiled to functions over columns."""
