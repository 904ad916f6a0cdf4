"""flancollect: exact, reproducible, traceable instruction-tuning mixtures from declarative cards."""

from __future__ import annotations

from importlib import import_module

_PLACES = {"__version__": ("flancollect.artifacts", "VERSION")}


def __getattr__(name: str) -> object:
    """Import what is asked for when it is asked for."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _PLACES[name]
    return getattr(import_module(module), attribute)
