"""Every cell of every generator, and its first rows, for the tests beside this file."""

from functools import lru_cache
from itertools import islice, product

from flancollect.sources.synthetic import GENERATORS, candidates

ROWS = 300


def cells():
    """(generator, parameters) of every combination of parameter values."""
    for name, generator in GENERATORS.items():
        for values in product(*generator.parameters.values()):
            yield name, dict(zip(generator.parameters, values, strict=True))


@lru_cache
def first_rows(name, values, count=ROWS):
    parameters = dict(zip(GENERATORS[name].parameters, values, strict=True))
    return list(islice(candidates(name, parameters), count))


def rows_of(name):
    """(parameters, row) over all cells of a generator."""
    for cell, parameters in cells():
        if cell == name:
            for row in first_rows(name, tuple(parameters.values())):
                yield parameters, row
