"""mirror.yaml: where on this disk lies what cards name by Hub id or URL, and finding it there.

A mirror is authoritative: for the URL prefixes that it maps and, when it lists Hub folders, for the whole
Hub. What it does not hold there is unavailable, without a look at the network.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from flancollect.artifacts import PathLike
from flancollect.cards.paths import is_within
from flancollect.cards.strict_yaml import Document, KeyPath, Value, load
from flancollect.errors import CardError, Problem, SourceError, UsageError, did_you_mean
from flancollect.sources.shard_names import refuse_gaps, refuse_incomplete, refuse_two_sets, shard_name
from flancollect.sources.table import Mirror
from flancollect.sources.urls import redact

_KEYS = ("hub", "urls")
_NUMBERED = re.compile(r"\d+")
_DELIVERY = {"raw", "download", "dl"}
"""Keys of a URL's query that say how a file is sent, and not which one."""


def load_mirror(path: PathLike) -> Mirror:
    """Read a mirror file. Relative folders are relative to it.

    Raises:
        UsageError: all that is wrong at once: the file, its keys, its values, folders that do not exist.
    """
    path = Path(path)
    try:
        document = load(path, str(path))
    except CardError as error:
        # A mirror that maps nothing yet is fine, though an empty card is not.
        if [problem.what for problem in error.problems] == ["the file is empty"]:
            return Mirror(path=path, hub=(), urls=())
        raise UsageError(str(error)) from error
    problems: list[Problem] = []
    mirror = _checked(path, document, problems)
    if problems:
        raise UsageError("\n".join(map(str, sorted(problems))))
    return mirror


def _checked(path: Path, document: Document, problems: list[Problem]) -> Mirror:
    """The mirror that a document describes; it is whole only where no problem is added."""

    def report(key_path: KeyPath, what: str) -> None:
        problems.append(Problem(document.file, document.line_of(key_path), what))

    def folder_at(key_path: KeyPath, value: Value) -> Path:
        if not isinstance(value, str) or not value:
            report(key_path, "a folder must stand here")
            return path
        try:
            folder = (path.parent / Path(value).expanduser()).resolve()
        except (RuntimeError, ValueError) as error:  # a user that this machine lacks; a NUL
            report(key_path, f"{value!r} is no folder: {error}")
            return path
        if not folder.is_dir():
            report(key_path, f"no folder {folder}")
        return folder

    entries = document.value
    if not isinstance(entries, dict):
        report((), "a mapping (`key: value` lines) must stand here")
        entries = {}
    for key in entries:
        if key not in _KEYS:
            report((key,), f'no key "{key}" in a mirror file.{did_you_mean(key, _KEYS, "Keys")}')
    hub, urls = entries.get("hub", []), entries.get("urls", {})
    if not isinstance(hub, list):
        report(("hub",), "hub: must be a list of folders")
        hub = []
    if not isinstance(urls, dict):
        report(("urls",), "a mapping (`key: value` lines) must stand here")
        urls = {}
    return Mirror(
        path=path,
        hub=tuple(folder_at(("hub", number), value) for number, value in enumerate(hub)),
        urls=tuple((prefix, folder_at(("urls", prefix), value)) for prefix, value in urls.items()),
    )


def mirrored_url(mirror: Mirror, url: str) -> Path | None:
    """The file that stands for a URL, or None when no prefix maps it.

    A query is part of the file's name, as URLs that differ in it are different files (`uc?id=7`), unless it says only
    how the file is sent (`a.json?raw=true` is `a.json`). A slash in it is written %2F.

    Raises:
        SourceError: a prefix maps it, but the file is not there or would lie outside the folder.
    """
    url = url.partition("#")[0]  # a fragment is a place within the file
    missing: list[Path] = []
    for prefix, folder in mirror.urls:
        match = _prefix_pattern(prefix).match(url)
        if match:
            rest, _, query = url[match.end() :].partition("?")
            relative = unquote(rest).lstrip("/")
            if query and not {key for key, _ in parse_qsl(query, keep_blank_values=True)} <= _DELIVERY:
                relative += f"?{query.replace('/', '%2F')}"
            path = _contained(mirror, folder, relative, url)
            if _is_file(path):
                return path
            missing.append(path)
    if mirror.hub and url.startswith("hf://"):
        # hf://datasets/<org>/<name>[@revision]/<path>, in the first Hub folder that holds it
        relative = unquote(re.sub(r"^hf://(datasets/)?([^/]+/[^/@]+)(@[^/]*)?/", r"\2/", url))
        for folder in mirror.hub:
            path = _contained(mirror, folder, relative, url)
            if _is_file(path):
                return path
        raise SourceError(f"{url}: source unavailable: not in mirror {mirror.path.name}")
    if missing:
        raise SourceError(
            f"{redact(url)}: source unavailable: not in mirror {mirror.path.name} "
            f"(looked for {_relative(mirror, missing[0])})"
        )
    return None


def _relative(mirror: Mirror, path: Path) -> str:
    """A path as the mirror file would name it: what a build says of its sources is the same on every machine."""
    try:
        relative = path.relative_to(mirror.path.resolve().parent).as_posix()
    except ValueError:
        relative = path.name
    # A query may hold what opens the file to its owner alone.
    name, mark, _ = relative.partition("?")
    return f"{name}?..." if mark else name


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a query may be longer than any file's name
        return False


def _prefix_pattern(prefix: str) -> re.Pattern[str]:
    """`*` is any text within one path segment, `**` any text; a prefix ends at a slash.

    `https://h/*/tasks` matches the start of `https://h/main/tasks/a.json`, not that of `https://h/main/tasksx`.
    """
    glob = {"**": ".*?", "*": "[^/]*"}
    pattern = "".join(glob.get(part, re.escape(part)) for part in re.split(r"(\*\*|\*)", prefix))
    return re.compile(pattern if prefix.endswith("/") else pattern + r"(?=/|\?|$)")


def _contained(mirror: Mirror, folder: Path, relative: str, name: str) -> Path:
    """A path in a mirror folder; SourceError when it leads out, be it by `..` or by a link."""
    path = folder / relative
    if "\0" in relative or not is_within(path, folder):
        raise SourceError(
            f"{redact(name)}: leads out of the folder {_relative(mirror, folder)} that mirror {mirror.path.name} "
            "maps it to"
        )
    return path


def mirrored_dataset(mirror: Mirror, hub: str, config: str) -> dict[str, list[Path]]:
    """The Parquet files of a Hub dataset by split (sorted), from the first Hub folder that holds the dataset.

    Known are the layouts that the Hub and its tools write: `<config>/<split>.parquet`, several files in its place,
    `<split>-00000-of-00002.parquet`, also with a hash behind that, and `<config>/<split>/0000.parquet`.
    The config `default` needs no folder, or one named `data`. An old id without an owner is looked for below `legacy/`.

    Raises:
        SourceError: no folder holds the dataset, or it lacks the config, or a split lacks a file.
    """
    owned = hub if "/" in hub else f"legacy/{hub}"
    for parent in mirror.hub:
        dataset = _contained(mirror, parent, owned, hub)
        if dataset.is_dir():
            break
    else:
        raise SourceError(f"{hub} ({config}): source unavailable: not in mirror {mirror.path.name}")
    splits = _splits_in(_contained(mirror, dataset, config, f"{hub} ({config})"))
    if not splits and config == "default":
        # A folder here may be a config of another name, so only what is numbered is taken for a split.
        splits, in_data = _splits_in(dataset, numbered=True), _splits_in(dataset / "data", numbered=True)
        if splits and in_data and (dataset / "data").name not in splits:
            raise SourceError(
                f"{hub}: Parquet files of splits both in {_relative(mirror, dataset)} and in its folder data: "
                "delete those of one of them"
            )
        splits = splits or in_data
    if not splits:
        folders = (path for path in dataset.iterdir() if path.is_dir())
        configs = sorted(path.name for path in folders if _splits_in(path))
        raise SourceError(
            f'{hub}: no config "{config}" in mirror {mirror.path.name}.{did_you_mean(config, configs, "Configs")}'
        )
    for split, files in splits.items():
        for file in files:
            _contained(mirror, parent, str(file.relative_to(parent)), hub)
        stems = [file.stem for file in files]
        place = f'{hub} ({config}), split "{split}" in {_relative(mirror, files[0].parent)}'
        refuse_incomplete(stems, place)
        refuse_gaps(stems, place)
        refuse_two_sets(stems, f"{hub} ({config}) in {_relative(mirror, files[0].parent)}")
    return splits


def _splits_in(folder: Path, *, numbered: bool = False) -> dict[str, list[Path]]:
    """Parquet files of a folder by the split in their name, else those of its subfolders by the subfolder's name."""
    splits: dict[str, list[Path]] = {}
    for file in _parquet_files(folder):
        splits.setdefault(shard_name(file.stem).split, []).append(file)
    if not splits and folder.is_dir():
        for subfolder in sorted(path for path in folder.iterdir() if path.is_dir()):
            files = _parquet_files(subfolder)
            if files and (not numbered or all(_NUMBERED.fullmatch(file.stem) for file in files)):
                splits[subfolder.name] = files
    return splits


def _parquet_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.parquet") if path.is_file())
