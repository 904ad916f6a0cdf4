"""Jinja trees to Python functions over columns."""
