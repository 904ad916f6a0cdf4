"""Hub sources: a pinned commit, and of its Parquet files only the row groups and columns asked for.

What the Hub holds in other formats is prepared by `datasets` in the cache. A mirror that lists Hub folders
answers in place of the Hub. Code of a dataset is never run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from flancollect.artifacts import SourceLock, SplitLock
from flancollect.cards.source_card import HubSource
from flancollect.errors import SourceError, did_you_mean
from flancollect.sources.fetch import judge_connection
from flancollect.sources.locations import digest_of, is_large
from flancollect.sources.mirror import mirrored_dataset
from flancollect.sources.parquet import ParquetSource, open_parquet, unreadable
from flancollect.sources.reach import Failure, host_of, persist
from flancollect.sources.table import SourceAccess, SourceTable, table_of_rows

_COMMIT = re.compile(r"[0-9a-f]{40}")
_OFFLINE_WORDS = ("1", "on", "yes", "true")


def describe_hub(source: HubSource, access: SourceAccess, known: SourceLock | None = None) -> SourceLock:
    """Commit, row counts and columns of all splits. A `known` entry of a commit holds for ever."""
    mirrored = _mirrored(source, access)
    if mirrored is not None:
        revision = _content_revision(mirrored, access)
        if known is not None and known.revision == revision:
            return known
        return _described(revision, {split: _open_local(source, split, mirrored) for split in mirrored})
    if known is not None and is_commit(known.revision):
        return known
    commit = _commit(source, source.revision, access)
    builder = _builder(source, commit, access)
    tables = {split: _open_remote(source, builder, split) for split in _splits(builder)}
    return _described(commit, tables)


def hub_waits(source: HubSource, access: SourceAccess, known: SourceLock | None) -> bool:
    """Whether describing the dataset would ask the Hub, or read large files of a mirror to hash them."""
    try:
        mirrored = _mirrored(source, access)
    except SourceError:
        return False  # describing it fails at once, and says why
    if mirrored is not None:
        return any(is_large(path) for paths in mirrored.values() for path in paths)
    pinned = known is not None and is_commit(known.revision)
    return not pinned and not access.offline


def open_hub(
    source: HubSource, split: str, access: SourceAccess, lock: SourceLock | None
) -> tuple[SourceTable, str]:
    """One split, and the revision that was read: the locked commit, else what the card's revision is now."""
    mirrored = _mirrored(source, access)
    if mirrored is not None:
        return _open_local(source, split, mirrored), _content_revision(mirrored, access)
    locked = lock.revision if lock is not None and is_commit(lock.revision) else ""
    commit = locked or _commit(source, source.revision, access)
    return _open_remote(source, _builder(source, commit, access), split), commit


def is_commit(revision: str) -> bool:
    """Whether a revision is a full commit hash: what it names never changes."""
    return _COMMIT.fullmatch(revision) is not None


def _described(revision: str, tables: Mapping[str, SourceTable]) -> SourceLock:
    splits = {
        split: SplitLock(rows=table.rows, columns={field.name: str(field.type) for field in table.schema})
        for split, table in tables.items()
    }
    return SourceLock(revision=revision, splits=splits)


def _name(source: HubSource) -> str:
    return f"{source.hub} ({source.config})"


def _refuse_unknown_split(source: HubSource, split: str, known: Sequence[str]) -> None:
    if split not in known:
        raise SourceError(f'{_name(source)}: no split "{split}".{did_you_mean(split, known, "Splits")}')


# --- mirror ------------------------------------------------------------------------------------------------


def _mirrored(source: HubSource, access: SourceAccess) -> dict[str, list[Path]] | None:
    """The dataset's files in the mirror; None when no mirror answers for the Hub."""
    if access.mirror is None or not access.mirror.hub:
        return None
    return mirrored_dataset(access.mirror, source.hub, source.config)


def _content_revision(files: Mapping[str, Sequence[Path]], access: SourceAccess) -> str:
    digest = sha256()
    for paths in files.values():
        for path in paths:
            digest.update(bytes.fromhex(digest_of(path, access)))
    return f"sha256:{digest.hexdigest()}"


def _open_local(source: HubSource, split: str, files: Mapping[str, Sequence[Path]]) -> SourceTable:
    _refuse_unknown_split(source, split, list(files))
    return open_parquet(
        [ParquetSource(name=str(path), open=partial(path.open, "rb")) for path in files[split]]
    )


# --- the Hub -----------------------------------------------------------------------------------------------


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def _commit(source: HubSource, revision: str, access: SourceAccess) -> str:
    """The commit that a revision names now: the first contact, and the proof that the Hub is reachable."""
    if access.offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in _OFFLINE_WORDS:
        raise SourceError(
            f"{_name(source)}: source unavailable: the network is switched off. Map a folder in mirror.yaml"
        )

    def once() -> str:
        from huggingface_hub import HfApi  # noqa: PLC0415 (slow to import)

        api = HfApi(endpoint=_endpoint())
        return str(api.dataset_info(source.hub, revision=revision, timeout=access.timeout_s).sha)

    return persist(_name(source), host_of(_endpoint()), access, once, partial(_judge, source))


def _gated(source: HubSource) -> str:
    return f"access is gated: accept its terms on the page of {source.hub} and set HF_TOKEN"


def _judge(source: HubSource, error: Exception) -> Failure:
    """What a client's error means. Its text stays out: it may hold signed URLs."""
    from huggingface_hub import errors  # noqa: PLC0415 (slow to import)

    if isinstance(error, errors.GatedRepoError):
        return Failure(reason=_gated(source))
    if isinstance(error, errors.RepositoryNotFoundError):
        return Failure(reason="no such dataset on the Hub, or it is private: check its id, or set HF_TOKEN")
    if isinstance(error, errors.RevisionNotFoundError):
        return Failure(reason=f'no revision "{source.revision}" on the Hub')
    if isinstance(error, errors.HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403):
            return Failure(reason=f"access is forbidden ({status}): check HF_TOKEN")
        return Failure(reason=f"the Hub answers {status}", again=status in (408, 429) or status >= 500)
    return _judge_transport(error)


def _judge_transport(error: Exception) -> Failure:
    """Judge by class names: the transport library below the client is not ours to import."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "TimeoutException" in kinds:
        return judge_connection(TimeoutError())
    if "ConnectError" in kinds:
        return judge_connection(error)
    if "TransportError" in kinds:
        return Failure(reason="the connection broke", again=True)
    return Failure(reason=f"the Hub's client reports {type(error).__name__}")


def _builder(source: HubSource, commit: str, access: SourceAccess) -> Any:
    """The builder of `datasets`, of which only the list of files per split is used for Parquet."""
    from datasets import DownloadConfig, load_dataset_builder  # noqa: PLC0415 (slow to import)

    downloads = DownloadConfig(cache_dir=str(_cache(access) / "downloads"), max_retries=access.retries)
    try:
        builder = load_dataset_builder(
            f"hf://datasets/{source.hub}",  # never a folder of that name here
            name=source.config,
            revision=commit,
            cache_dir=str(_cache(access)),
            download_config=downloads,
        )
    except Exception as error:  # noqa: BLE001, RUF100 (the library raises many kinds)
        raise _unloadable(source, commit, error) from None
    if builder.hash != commit:  # when the Hub fails midway, the library offers what its cache has
        raise SourceError(f"{_name(source)}: source unavailable: the Hub stopped answering")
    return builder


def _cache(access: SourceAccess) -> Path:
    return access.cache.expanduser() / "datasets"


def _unloadable(source: HubSource, commit: str, error: Exception) -> SourceError:
    text = str(error)
    if "scripts are no longer supported" in text:
        return SourceError(
            f"{_name(source)}: is a loading script, and code of a dataset is never run. Name the Hub's own "
            f"conversion in the card: `revision: refs/convert/parquet`"
        )
    if isinstance(error, ValueError) and "not found. Available" in text:
        known = re.findall(r"'([^']*)'", text.partition("Available:")[2])
        return SourceError(
            f'{source.hub}: no config "{source.config}".{did_you_mean(source.config, known, "Configs")}'
        )
    if "is a gated dataset" in text:
        return SourceError(f"{_name(source)}: {_gated(source)}")
    if isinstance(error, FileNotFoundError):
        return SourceError(
            f"{_name(source)}: no data files at commit {commit[:12]} that a table can be read from"
        )
    return SourceError(f"{_name(source)}: {_judge(source, error).reason}")


def _splits(builder: Any) -> list[str]:
    return [str(split) for split in (builder.config.data_files or {})]


def _open_remote(source: HubSource, builder: Any, split: str) -> SourceTable:
    known = _splits(builder)
    _refuse_unknown_split(source, split, known)
    urls = list(builder.config.data_files[split])
    if all(url.endswith(".parquet") for url in urls):
        failed = partial(_unreadable, source)
        return open_parquet(
            [ParquetSource(name=url, open=partial(_open_url, url), failed=failed) for url in urls]
        )
    return _prepared(source, builder, split)


def _open_url(url: str) -> Any:
    """A remote file of which exactly the asked ranges are fetched: pyarrow itself joins near ones."""
    from huggingface_hub import HfFileSystem  # noqa: PLC0415 (slow to import)

    return HfFileSystem(endpoint=_endpoint()).open(url, "rb", cache_type="none")


def _unreadable(source: HubSource, name: str, error: Exception) -> SourceError:
    if isinstance(error, pa.ArrowException):
        return unreadable(name, error)
    return SourceError(f"{name}: source unavailable: {_judge(source, error).reason}")


def _prepared(source: HubSource, builder: Any, split: str) -> SourceTable:
    """A split of a dataset in another format, prepared as Arrow files in the cache."""
    try:
        builder.download_and_prepare(verification_mode="no_checks")
        table = builder.as_dataset(split=split).data.table
    except Exception as error:  # noqa: BLE001, RUF100 (the library raises many kinds)
        raise SourceError(f"{_name(source)}: `datasets` cannot prepare it: {type(error).__name__}") from None
    return table_of_rows(table.replace_schema_metadata(None), {})
