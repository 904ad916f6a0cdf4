"""Run in a process of its own, for `datasets` reads HF_ENDPOINT when it is imported.

Arguments: a build folder, the id of its published dataset, and configurations. Prints, as JSON, for each
configuration and for the build ("build"), a hash of all rows and their number, streamed and not.
"""

import hashlib
import json
import sys
from collections.abc import Iterable

from datasets import load_dataset, load_from_disk


def digest(rows: Iterable[dict]) -> list:
    texts = [json.dumps(row, sort_keys=True) for row in rows]
    return [len(texts), hashlib.sha256("\n".join(texts).encode()).hexdigest()]


def selected(rows: Iterable[dict], config: str, by_config: dict) -> Iterable[dict]:
    """The rows of a build that a configuration is about, in their order."""
    names, variant = by_config[config]
    return (row for row in rows if row["task_name"] in names and row["template_type"] == variant)


def main(build: str, repo: str, by_config: dict) -> dict:
    whole = load_from_disk(build)
    told = {"build": {"default": digest(whole)}}
    told["build"] |= {config: digest(selected(whole, config, by_config)) for config in by_config}
    for streaming in (False, True):
        told["streamed" if streaming else "loaded"] = {
            config: digest(load_dataset(repo, config, split="train", streaming=streaming))
            for config in ("default", *by_config)
        }
    return told


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
