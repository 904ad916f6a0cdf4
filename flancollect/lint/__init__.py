"""The linter: what is probably wrong with cards, templates and styles that load and render.

Static lints look at a catalogue, row lints at rows of it that were read and rendered. Each is one pure
function that yields findings; `report.py` names them all, folds what they say and takes out what cards silence.
"""
