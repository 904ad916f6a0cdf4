"""flancollect: exact, reproducible, traceable instruction-tuning mixtures from declarative cards.

    import flancollect as fc

    request = fc.BuildRequest("starter", rows=2000)
    fc.build(request, "starter-build")
    build = fc.open_build("starter-build")

Each name below is imported when it is first used, so `import flancollect` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flancollect.artifacts import __version__
    from flancollect.building.build import BuildOptions, BuildResult, build
    from flancollect.building.preview import Preview, PreviewRow, preview
    from flancollect.building.trace import Trace, why
    from flancollect.cards.catalog import load_catalog
    from flancollect.cards.entries import Catalog
    from flancollect.dataset.diff import diff
    from flancollect.dataset.questions import Question, questions
    from flancollect.dataset.reader import Build, open_build
    from flancollect.dataset.stats import stats
    from flancollect.dataset.verify import verify
    from flancollect.errors import CardError, CheckError, FlancollectError, SourceError, UsageError
    from flancollect.exports.export import ExportOptions, export
    from flancollect.hub.publish import PublishOptions, publish
    from flancollect.hub.pull import PullOptions, pull
    from flancollect.planning.plan import BuildPlan, plan
    from flancollect.planning.request import BuildRequest
    from flancollect.sources.mirror import load_mirror
    from flancollect.sources.table import SourceAccess

__all__ = [
    "Build",
    "BuildOptions",
    "BuildPlan",
    "BuildRequest",
    "BuildResult",
    "CardError",
    "Catalog",
    "CheckError",
    "ExportOptions",
    "FlancollectError",
    "Preview",
    "PreviewRow",
    "PublishOptions",
    "PullOptions",
    "Question",
    "SourceAccess",
    "SourceError",
    "Trace",
    "UsageError",
    "__version__",
    "build",
    "diff",
    "export",
    "load_catalog",
    "load_mirror",
    "open_build",
    "plan",
    "preview",
    "publish",
    "pull",
    "questions",
    "stats",
    "verify",
    "why",
]

_MODULES = {
    "artifacts": ["__version__"],
    "building.build": ["BuildOptions", "BuildResult", "build"],
    "building.preview": ["Preview", "PreviewRow", "preview"],
    "building.trace": ["Trace", "why"],
    "cards.catalog": ["load_catalog"],
    "cards.entries": ["Catalog"],
    "dataset.diff": ["diff"],
    "dataset.questions": ["Question", "questions"],
    "dataset.reader": ["Build", "open_build"],
    "dataset.stats": ["stats"],
    "dataset.verify": ["verify"],
    "errors": ["CardError", "CheckError", "FlancollectError", "SourceError", "UsageError"],
    "exports.export": ["ExportOptions", "export"],
    "hub.publish": ["PublishOptions", "publish"],
    "hub.pull": ["PullOptions", "pull"],
    "planning.plan": ["BuildPlan", "plan"],
    "planning.request": ["BuildRequest"],
    "sources.mirror": ["load_mirror"],
    "sources.table": ["SourceAccess"],
}
"""Where each name of the front door is defined."""

_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOME[name]}")
    value = getattr(module, name)
    globals()[name] = value  # found at once from now on, without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
