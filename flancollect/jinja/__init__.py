"""The template language: Jinja, bounded and compiled to functions over columns.

`README.md` beside this file follows one template through all of it, and lists the modules in reading order. Outside
this package only `expression` and `evaluate` are imported.
"""
