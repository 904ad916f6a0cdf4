"""Which keys a file source may have: those that its format has a use for."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from flancollect.cards.source_card import FileSource

VALUES: dict[str, Any] = {"rows": "data.items", "columns": ["a"], "quoting": "none", "encoding": "latin-1"}
FORMATS = {
    "parquet": set[str](),
    "json": {"rows", "encoding"},
    "jsonl": {"encoding"},
    "csv": {"columns", "quoting", "encoding"},
    "tsv": {"columns", "quoting", "encoding"},
    "text": {"columns", "encoding"},
}


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("key", VALUES)
def test_a_key_that_a_format_has_no_use_for_is_refused(format_: str, key: str) -> None:
    written = {"files": "f", "format": format_, key: VALUES[key]}
    if key in FORMATS[format_]:
        assert getattr(FileSource.model_validate(written), key) == VALUES[key]
    else:
        with pytest.raises(ValidationError, match=f"`{key}` is for .*, and this is {format_}"):
            FileSource.model_validate(written)


def test_keys_that_say_what_holds_anyway_are_refused_too() -> None:
    with pytest.raises(ValidationError, match="`quoting` is for csv and tsv, and this is text"):
        FileSource.model_validate({"files": "f", "format": "text", "quoting": "csv"})
