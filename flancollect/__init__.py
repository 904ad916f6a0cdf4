"""flancollect: exact, reproducible, traceable instruction-tuning mixtures from declarative cards."""

__version__ = "0.1.0"
