"""Jinja trees to Python functions over columns. Begin with `codegen.py`; `../README.md` shows an example."""
