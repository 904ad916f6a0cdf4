"""The YAML head of a dataset card: what the Hub and `datasets` read. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import yaml

from flancollect.artifacts import ExportFile, Manifest
from flancollect.cards.licenses import OTHER, hub_license

TAGS = ("flancollect", "instruction-tuning", "instruction-finetuning", "multi-task", "few-shot")

CATEGORIES = (
    ("translation", r"translat"),
    ("summarization", r"summar|title generation"),
    ("question-answering", r"question answering|_qa\b|reading|read_comp|answer generation|answerab"),
    ("multiple-choice", r"common_?sense|multiple choice"),
    ("sentence-similarity", r"paraphras|text matching"),
    ("token-classification", r"named entity|pos tagging|keyword tagging"),
    (
        "text-classification",
        r"classif|sentiment|entailment|inference|detection|identification|acceptab|categoriz|verification",
    ),
)
"""Task categories of the Hub by words in a task's cluster."""

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGER = ((10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"), (1_000_000_000, "100M<n<1B"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportListing:
    """What a card says of an export's data files: the schema that `datasets` sees, and the files."""

    schema: pa.Schema
    files: Sequence[ExportFile]

    def configs(self) -> dict[str, list[ExportFile]]:
        """The files that `load_dataset` opens, by configuration, in order."""
        files: dict[str, list[ExportFile]] = {}
        for file in self.files:
            if file.config is not None:
                files.setdefault(file.config, []).append(file)
        return files


def front_matter(manifest: Manifest, title: str, listing: ExportListing) -> str:
    """The block between the `---` lines, those included."""
    hub = hub_license(manifest.license)
    other = {"license_name": hub.name, "license_link": "ATTRIBUTION.md"} if hub.id == OTHER else {}
    configs, infos = [], []
    for name, files in listing.configs().items():
        # What `load_dataset` opens when it is given no name.
        default = {"default": True} if name == "default" else {}
        paths = [file.file for file in files]
        configs.append({"config_name": name, **default, "data_files": [{"split": "train", "path": paths}]})
        rows, values_bytes = sum(file.rows for file in files), sum(file.values_bytes for file in files)
        infos.append(
            {
                "config_name": name,
                "features": [_feature(field.name, field.type) for field in listing.schema],
                "splits": [{"name": "train", "num_bytes": values_bytes, "num_examples": rows}],
                "download_size": sum(file.bytes for file in files),
                "dataset_size": values_bytes,
            }
        )
    head = {
        "pretty_name": title,
        "license": hub.id,
        **other,
        "language": languages(manifest),
        "task_categories": categories(manifest),
        "size_categories": [size_category(manifest.rows)],
        "tags": list(TAGS),
        "configs": configs,
        "dataset_info": infos,
    }
    text = yaml.safe_dump(head, sort_keys=False, allow_unicode=True, width=110)
    return f"---\n{text}---\n"


def languages(manifest: Manifest) -> list[str]:
    """The languages of all tasks as the Hub takes them: ISO 639 codes, sorted."""
    names = {language for task in manifest.tasks if task.rows for language in task.languages}
    # Names such as "code" are no ISO 639 codes; the card's table of languages has them.
    return sorted(name for name in names if re.fullmatch(r"[a-z]{2,3}", name))


def categories(manifest: Manifest) -> list[str]:
    """Task categories of the Hub that the tasks' clusters belong to; text generation is always one."""
    clusters = "\n".join(sorted({task.cluster.lower() for task in manifest.tasks if task.rows}))
    return ["text-generation", *(name for name, words in CATEGORIES if re.search(words, clusters))]


def size_category(rows: int) -> str:
    """The Hub's word for a number of rows."""
    return next((name for bound, name in (*SIZES, *LARGER) if rows < bound), "n>1B")


def _feature(name: str, kind: pa.DataType) -> dict[str, Any]:
    """A column as datasets' Features write it in YAML."""
    if pa.types.is_struct(kind):
        return {"name": name, "struct": [_feature(field.name, field.type) for field in kind]}
    if pa.types.is_list(kind):
        inner = _feature("", kind.value_type)
        return {"name": name, "list": inner["struct"] if "struct" in inner else inner["dtype"]}
    return {"name": name, "dtype": str(kind)}
