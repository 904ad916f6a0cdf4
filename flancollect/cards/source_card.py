"""The sources of cards as written: where a task's rows are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from flancollect.cards.card import Card, Count, Positive, model_by_key


class HubSource(Card):
    """A dataset on the Hugging Face Hub. `revision` is a branch, tag or commit; the lock pins the commit.

    An id without an owner is one of the Hub's old names, which it forwards.
    """

    hub: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$")
    config: str = "default"  # what the Hub calls the one config of a dataset without any
    revision: str = "main"


class FileSource(Card):
    """Files by URL or by a path inside the catalogue; `.gz` and `.zst` are unpacked on the way.

    `files`: one location or a list (read one after the other) for the split `train`, or a mapping of split
    to those. `rows`: dotted path to the list of rows inside a JSON document; the rest of the document is
    `doc` in expressions. `columns`: names for headerless csv/tsv and for text (default `text`).
    `quoting: none` takes quotes in csv/tsv as plain characters. `beside`: text files joined by line as
    further columns, `{column: location}` or `{split: {column: location}}`.
    """

    files: str | list[str] | dict[str, str | list[str]]
    format: Literal["parquet", "json", "jsonl", "csv", "tsv", "text"]
    rows: str | None = None
    columns: list[str] | None = None
    encoding: str = "utf-8"  # of all formats but Parquet; a byte order mark is left out
    quoting: Literal["csv", "none"] = "csv"
    beside: dict[str, str] | dict[str, dict[str, str]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_keys(self) -> FileSource:
        """Refuse a key that this format has no use for: it would change nothing, and say so to nobody."""
        of_formats = {
            "rows": ("json",),
            "columns": ("csv", "tsv", "text"),
            "quoting": ("csv", "tsv"),
            "encoding": ("json", "jsonl", "csv", "tsv", "text"),
        }
        for key, formats in of_formats.items():
            if key in self.model_fields_set and self.format not in formats:
                raise ValueError(f"`{key}` is for {' and '.join(formats)}, and this is {self.format}")
        return self

    def files_of(self) -> dict[str, list[str]]:
        """Locations by source split, in reading order."""
        by_split = self.files if isinstance(self.files, dict) else {"train": self.files}
        return {
            split: [files] if isinstance(files, str) else list(files) for split, files in by_split.items()
        }

    def beside_of(self, split: str) -> dict[str, str]:
        """The line files joined to one source split: column name to location."""
        nested = self.beside.get(split)
        if isinstance(nested, dict):
            return nested
        # {column: location} holds for every split; {split: {column: location}} that lacks this one joins nothing.
        return {column: file for column, file in self.beside.items() if isinstance(file, str)}


class SyntheticSource(Card):
    """A generator of `sources/synthetic/`. Other keys are the generator's own parameters, all text.

    `rows`, `validation_rows` and `test_rows` are the most that each split holds; a small input space holds
    fewer. Splits are disjoint by content.
    """

    model_config = ConfigDict(
        extra="allow", frozen=True
    )  # `sources.synthetic` refuses what a generator lacks

    synthetic: str
    rows: Positive = 4000
    validation_rows: Count = 200
    test_rows: Count = 200

    def parameters(self) -> dict[str, str]:
        """The generator's own parameters."""
        return {name: str(value) for name, value in sorted((self.model_extra or {}).items())}


SOURCES: dict[str, type[Card]] = {"hub": HubSource, "files": FileSource, "synthetic": SyntheticSource}
Source = Annotated[HubSource | FileSource | SyntheticSource, model_by_key("a source", SOURCES)]
