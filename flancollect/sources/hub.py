"""Hub sources: a pinned commit, and of its Parquet files only the row groups and columns that are needed.

What the Hub holds in other formats is prepared by `datasets` in the cache. A mirror that lists Hub folders
answers in place of the Hub. Code of a dataset is never run.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa

from flancollect.artifacts import SourceLock
from flancollect.cards.source_card import HubSource
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.hub_errors import HubCall, gated, hub_failure
from flancollect.sources.locations import digest_of, is_large
from flancollect.sources.mirror import mirrored_dataset
from flancollect.sources.parquet import ParquetSource, open_parquet, unreadable
from flancollect.sources.parts import table_of
from flancollect.sources.retry import Failure
from flancollect.sources.shard_names import refuse_incomplete
from flancollect.sources.table import SourceAccess, SourceTable
from flancollect.sources.urls import host_of

_COMMIT = re.compile(r"[0-9a-f]{40}")


def source_key(source: HubSource) -> str:
    """Dataset, config and revision; an "@" inside a config must not look like the one before a revision."""
    config = source.config.replace("%", "%25").replace("@", "%40")
    return f"hub:{source.hub}/{config}@{source.revision}"


def describe(source: HubSource, _root: Path, access: SourceAccess, lock: SourceLock | None) -> SourceLock:
    """Commit, row counts and columns of all splits. A `lock` entry of a commit holds for ever."""
    mirrored = _mirrored(source, access)
    if mirrored is not None:
        revision = _content_revision(mirrored, access)
        if lock is not None and lock.revision == revision:
            return lock
        tables = {split: _open_mirrored(source, split, mirrored) for split in mirrored}
    elif lock is not None and is_commit(lock.revision):
        return lock
    else:
        revision = _current_commit(source, access)
        builder = _builder(source, revision, access)
        splits = builder.config.data_files or {}
        tables = {str(split): _open_remote(source, builder, str(split)) for split in splits}
    return SourceLock(revision=revision, splits={split: table.lock() for split, table in tables.items()})


def waits(source: HubSource, _root: Path, access: SourceAccess, lock: SourceLock | None) -> bool:
    """Whether describing the dataset would ask the Hub, or read large files of a mirror to hash them."""
    try:
        mirrored = _mirrored(source, access)
    except SourceError:
        return False  # describing it fails at once, and says why
    if mirrored is not None:
        return any(is_large(path) for paths in mirrored.values() for path in paths)
    pinned = lock is not None and is_commit(lock.revision)
    return not pinned and not access.offline


def open_split(
    source: HubSource, split: str, _root: Path, access: SourceAccess, lock: SourceLock | None
) -> tuple[SourceTable, str]:
    """One split, and the revision that was read: the locked commit, else what the card's revision is now."""
    mirrored = _mirrored(source, access)
    if mirrored is not None:
        return _open_mirrored(source, split, mirrored), _content_revision(mirrored, access)
    pinned = lock.revision if lock is not None and is_commit(lock.revision) else None
    commit = pinned or _current_commit(source, access)
    return _open_remote(source, _builder(source, commit, access), split), commit


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit hash: what it names never changes."""
    return _COMMIT.fullmatch(revision) is not None


def _mirrored(source: HubSource, access: SourceAccess) -> dict[str, list[Path]] | None:
    """The dataset's files in the mirror by split; None when no mirror answers for the Hub."""
    if access.mirror is None or not access.mirror.hub:
        return None
    return mirrored_dataset(access.mirror, source.hub, source.config)


def _content_revision(files: Mapping[str, Sequence[Path]], access: SourceAccess) -> str:
    digest = sha256()
    for paths in files.values():
        for path in paths:
            digest.update(bytes.fromhex(digest_of(path, access)))
    return f"sha256:{digest.hexdigest()}"


def _open_mirrored(source: HubSource, split: str, files: Mapping[str, Sequence[Path]]) -> SourceTable:
    _refuse_unknown_split(source, split, list(files))
    return open_parquet(
        [ParquetSource(name=str(path), open=partial(path.open, "rb")) for path in files[split]]
    )


def _refuse_unknown_split(source: HubSource, split: str, splits: Sequence[str]) -> None:
    if split not in splits:
        raise SourceError(f'{_label(source)}: no split "{split}".{did_you_mean(split, splits, "Splits")}')


def _label(source: HubSource) -> str:
    return f"{source.hub} ({source.config})"


def _failure(source: HubSource, error: Exception) -> Failure:
    """What an error of the Hub's client or of `datasets` means for a build."""
    from huggingface_hub import constants, get_token  # noqa: PLC0415 (slow to import)

    page = f"{constants.ENDPOINT}/datasets/{source.hub}"
    if "is a gated dataset" in str(error):  # so says `datasets`, which hides the client's own error
        return gated(page)
    failure = hub_failure(error, HubCall(page=page, revision=source.revision, token=get_token()))
    if failure is None:
        return Failure(reason=f"this machine reports {error}")
    # A source that fails is left out of a build with its reason; any other error would end the build.
    return replace(failure, error=SourceError)


def _current_commit(source: HubSource, access: SourceAccess) -> str:
    """The commit that a revision names now: the first contact, and the proof that the Hub is reachable."""
    from huggingface_hub import is_offline_mode  # noqa: PLC0415 (not needed by builds without the Hub)

    if access.offline or is_offline_mode():
        raise SourceError(
            f"{_label(source)}: source unavailable: the network is switched off. Map a folder in mirror.yaml"
        )
    from huggingface_hub import HfApi  # noqa: PLC0415 (slow to import)

    # No endpoint of ours here and below: the client and `datasets` read HF_ENDPOINT once, when they are first
    # imported, and commits, file lists and files must come from the same Hub.
    api = HfApi()

    def call() -> str:
        info = api.dataset_info(source.hub, revision=source.revision, timeout=access.timeout_s)
        return str(info.sha)

    return access.with_retries(
        call, partial(_failure, source), label=_label(source), host=host_of(api.endpoint)
    )


def _builder(source: HubSource, commit: str, access: SourceAccess) -> Any:
    """The builder of `datasets`, of which only the list of files per split is used for Parquet."""
    from datasets import DownloadConfig, load_dataset_builder  # noqa: PLC0415 (slow to import)

    cache = Path(access.cache).expanduser() / "datasets"
    try:
        builder = load_dataset_builder(
            f"hf://datasets/{source.hub}",  # never a folder of that name here
            name=source.config,
            revision=commit,
            cache_dir=str(cache),
            download_config=DownloadConfig(cache_dir=str(cache / "downloads"), max_retries=access.retries),
        )
    except Exception as error:  # noqa: BLE001, RUF100 (the library raises many kinds)
        raise _unloadable(source, commit, error) from None
    if builder.hash != commit:  # when the Hub fails midway, the library offers what its cache has
        raise SourceError(f"{_label(source)}: source unavailable: the Hub stopped answering")
    return builder


def _unloadable(source: HubSource, commit: str, error: Exception) -> SourceError:
    """Why `datasets` makes no builder. It has few error types, so its words are what tells them apart."""
    text = str(error)
    if "scripts are no longer supported" in text:
        return SourceError(
            f"{_label(source)}: is a loading script, and code of a dataset is never run. Name the Hub's own "
            f"conversion in the card: `revision: refs/convert/parquet`"
        )
    if isinstance(error, ValueError) and "not found. Available" in text:
        configs = re.findall(r"'([^']*)'", text.partition("Available:")[2])
        return SourceError(
            f'{source.hub}: no config "{source.config}".{did_you_mean(source.config, configs, "Configs")}'
        )
    if isinstance(error, FileNotFoundError) and "is a gated dataset" not in text:
        return SourceError(
            f"{_label(source)}: no data files at commit {commit[:12]} that a table can be read from"
        )
    return SourceError(f"{_label(source)}: {_failure(source, error).reason}")


def _open_remote(source: HubSource, builder: Any, split: str) -> SourceTable:
    """A split by its Parquet files; in any other format it is prepared as Arrow files in the cache."""
    data_files = builder.config.data_files or {}
    _refuse_unknown_split(source, split, [str(name) for name in data_files])
    urls = list(data_files[split])
    refuse_incomplete((PurePosixPath(url).stem for url in urls), f'{_label(source)}, split "{split}"')
    if all(url.endswith(".parquet") for url in urls):
        unreadable_here = partial(_unreadable, source)
        return open_parquet(
            [ParquetSource(name=url, open=partial(_open_url, url), failed=unreadable_here) for url in urls]
        )
    try:
        builder.download_and_prepare(verification_mode="no_checks")
        table = builder.as_dataset(split=split).data.table
    except Exception as error:  # noqa: BLE001, RUF100 (the library raises many kinds)
        raise SourceError(f"{_label(source)}: `datasets` cannot prepare it: {type(error).__name__}") from None
    return table_of(table.replace_schema_metadata(None))


def _open_url(url: str) -> Any:
    from huggingface_hub import HfFileSystem  # noqa: PLC0415 (slow to import)

    # Without a cache exactly the requested ranges are fetched; pyarrow itself joins those that are near.
    return HfFileSystem().open(url, "rb", cache_type="none")


def _unreadable(source: HubSource, name: str, error: Exception) -> SourceError:
    if isinstance(error, pa.ArrowException):
        return unreadable(name, error)
    return SourceError(f"{name}: source unavailable: {_failure(source, error).reason}")
