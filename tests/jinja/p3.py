"""The templates of a promptsource checkout, which is named by an environment variable and never copied here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import yaml

CHECKOUT = "FLANCOLLECT_PROMPTSOURCE"


class P3Template(NamedTuple):
    """One template: `jinja` gives input and target with ||| between them, `choices` a text with ||| or nothing."""

    dataset: str
    name: str
    jinja: str
    choices: str | None


def checkout() -> Path | None:
    """The folder of the checkout, if one is given and is one."""
    named = os.environ.get(CHECKOUT)
    root = Path(named) if named else None
    return root if root is not None and (root / "promptsource" / "templates").is_dir() else None


def p3_templates(root: Path) -> list[P3Template]:
    """All templates of a checkout, by dataset and name."""
    folder = root / "promptsource" / "templates"
    templates = (
        P3Template(
            path.parent.relative_to(folder).as_posix(),
            template["name"],
            template["jinja"],
            template.get("answer_choices"),
        )
        for path in folder.rglob("templates.yaml")
        for template in yaml.load(path.read_text("utf-8"), _Loader)["templates"].values()
    )
    return sorted(templates, key=lambda template: (template.dataset, template.name))


class _Loader(yaml.SafeLoader):
    """Plain data; promptsource's own two tags stand for mappings."""


for _tag in ("!Template", "!TemplateMetadata"):
    _Loader.add_constructor(_tag, lambda loader, node: loader.construct_mapping(node, deep=True))
