"""mirror.yaml: where on this disk lies what cards name by Hub id or URL, and finding it there.

A mirror is authoritative: for the URL prefixes that it maps and, when it lists Hub folders, for the whole
Hub. What it does not hold there is unavailable, without a look at the network.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import yaml

from flancollect.cards.paths import is_within
from flancollect.errors import SourceError, UsageError, did_you_mean
from flancollect.sources.reach import shown
from flancollect.sources.table import Mirror

_KEYS = ("hub", "urls")
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def load_mirror(path: Path) -> Mirror:
    """Read a mirror file. Relative folders are relative to it.

    Raises:
        UsageError: the file, a key, a value or a folder is not what it must be.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise UsageError(f"{path}: the mirror file cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    entries = _mapping(path, root) if root is not None else {}
    for key, node in entries.items():
        if key not in _KEYS:
            line = node.start_mark.line + 1
            raise UsageError(
                f'{path}:{line}  no key "{key}" in a mirror file.{did_you_mean(key, _KEYS, "Keys")}'
            )
    folders = entries["hub"].value if isinstance(entries.get("hub"), yaml.SequenceNode) else None
    if "hub" in entries and folders is None:
        raise UsageError(f"{path}:{entries['hub'].start_mark.line + 1}  hub: must be a list of folders")
    urls = _mapping(path, entries["urls"]) if "urls" in entries else {}
    return Mirror(
        path=path,
        hub=tuple(_folder(path, node) for node in folders or ()),
        urls=tuple((prefix, _folder(path, node)) for prefix, node in urls.items()),
    )


def _mapping(path: Path, node: yaml.Node) -> dict[str, yaml.Node]:
    """The entries of a YAML mapping, each key once."""
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise UsageError(f"{path}:{line}  a mapping (`key: value` lines) must stand here")
    entries: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value in entries:
            raise UsageError(
                f"{path}:{key.start_mark.line + 1}  the key {key.value!r} is not text, or stands twice"
            )
        entries[key.value] = value
    return entries


def _folder(path: Path, node: yaml.Node) -> Path:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        raise UsageError(f"{path}:{line}  a folder must stand here")
    folder = (path.parent / Path(node.value).expanduser()).resolve()
    if not folder.is_dir():
        raise UsageError(f"{path}:{line}  no folder {folder}")
    return folder


def mirrored_url(mirror: Mirror, url: str) -> Path | None:
    """The file that stands for a URL, or None when no prefix maps it.

    Raises:
        SourceError: a prefix maps it, but the file is not there or would lie outside the folder.
    """
    tried = []
    for prefix, folder in mirror.urls:
        match = re.match(_prefix_pattern(prefix), url)
        if match:
            inside = unquote(url[match.end() :].partition("?")[0]).lstrip("/")
            found = _inside(mirror, folder, inside, url)
            if found.is_file():
                return found
            tried.append(found)
    if mirror.hub and url.startswith("hf://"):
        return _mirrored_hub_file(mirror, url)
    if tried:
        raise SourceError(
            f"{shown(url)}: source unavailable: not in mirror {mirror.path} (looked for {tried[0]})"
        )
    return None


def _prefix_pattern(prefix: str) -> str:
    """`*` is any text within one path segment, `**` any text; a prefix ends at a slash."""
    glob = {"**": ".*?", "*": "[^/]*"}
    pattern = "".join(glob.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", prefix))
    return pattern if prefix.endswith("/") else pattern + r"(?=/|\?|$)"


def _inside(mirror: Mirror, folder: Path, inside: str, asked: str) -> Path:
    """A path in a mirror folder; SourceError when it leads out, be it by `..` or by a link."""
    path = folder / inside
    if "\0" in inside or not is_within(path, folder):
        raise SourceError(
            f"{shown(asked)}: leads out of the folder {folder} that mirror {mirror.path} maps it to"
        )
    return path


def _mirrored_hub_file(mirror: Mirror, url: str) -> Path:
    """`hf://datasets/<org>/<name>[@revision]/<path>` in the first Hub folder that holds it."""
    inside = re.sub(r"^hf://(datasets/)?([^/]+/[^/@]+)(@[^/]*)?/", r"\2/", url)
    for folder in mirror.hub:
        path = _inside(mirror, folder, unquote(inside), url)
        if path.is_file():
            return path
    raise SourceError(f"{url}: source unavailable: not in mirror {mirror.path}")


def mirrored_dataset(mirror: Mirror, hub: str, config: str) -> dict[str, list[Path]]:
    """The Parquet files of a Hub dataset by split (sorted), from the first Hub folder that holds the dataset.

    An old id without an owner is looked for below `legacy/`.

    Raises:
        SourceError: no folder holds the dataset, or it lacks the config.
    """
    owned = hub if "/" in hub else f"legacy/{hub}"
    for parent in mirror.hub:
        folder = _inside(mirror, parent, owned, hub)
        if folder.is_dir():
            home = _inside(mirror, folder, config, f"{hub} ({config})")
            files = _parquet_files(home) or (_parquet_files(folder) if config == "default" else [])
            if not files:
                raise _no_config(mirror, folder, hub, config)
            return _by_split([_inside(mirror, parent, str(path.relative_to(parent)), hub) for path in files])
    raise SourceError(f"{hub} ({config}): source unavailable: not in mirror {mirror.path}")


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if path.is_file())


def _by_split(files: list[Path]) -> dict[str, list[Path]]:
    """Group files by split name; `train-00000-of-00002` is a piece of `train`."""
    splits: dict[str, list[Path]] = {}
    for path in files:
        splits.setdefault(_SHARD.sub("", path.stem), []).append(path)
    return splits


def _no_config(mirror: Mirror, folder: Path, hub: str, config: str) -> SourceError:
    known = sorted(path.name for path in folder.iterdir() if path.is_dir() and _parquet_files(path))
    return SourceError(
        f'{hub}: no config "{config}" in mirror {mirror.path}.{did_you_mean(config, known, "Configs")}'
    )
