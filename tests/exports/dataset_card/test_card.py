"""The dataset card: what the Hub's own readers make of it, and that no text of cards breaks out."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import yaml
from datasets import Features
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from flancollect.artifacts import ExportFile, LicenseRows, Skipped
from flancollect.dataset.schemas import BENCHMARK, MIXTURE
from flancollect.exports import messages
from flancollect.exports.dataset_card.card import LengthRow, dataset_card, rebuild_command
from flancollect.exports.dataset_card.front import ExportListing, size_category
from flancollect.exports.dataset_card.picture import picture
from flancollect.exports.dataset_card.sources import attribution, bibliography, citation_key, source_uses
from flancollect.exports.dataset_card.text import code, fenced, link, percent, prose, table
from tests.builds import build, small_jobs

LENGTHS = [LengthRow(column="inputs", variant="all", mean=40.5, p50=40, p90=50, p99=60, max=61)]
NASTY = "x | y\n\n# Heading <script>alert(1)</script> [a](http://evil) ![i](www.evil) `code` *b* ---\n---"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    plain = build(tmp_path_factory.mktemp("build"), small_jobs())
    tasks = [
        task.model_copy(
            update={
                "cluster": "sentiment" if task.task == "rte" else "translation",
                "citation": "dagan2006pascal" if task.task == "rte" else None,
                "languages": ["en"] if task.task == "rte" else ["en", "fr"],
            }
        )
        for task in plain.tasks
    ]
    recipe = {
        "name": "small",
        "kind": "mixture",
        "title": "A small one",
        "hold_out": ["mmlu"],
        "license": {"deny": ["nc"]},
        "rows": 122,
        "seed": 7,
        "only": ["r*", "bool q"],
        "license_policy": "commercial",
    }
    return plain.model_copy(
        update={
            "tasks": tasks,
            "recipe": recipe,
            "seed": 7,
            "license": "cc-by-4.0",
            "license_reason": "every source is under cc-by-4.0",
            "licenses": [LicenseRows(license="cc-by-4.0", rows=120, tasks=2)],
            "skipped": [
                Skipped(task="anli", kind="license", reason="license cc-by-nc-4.0: not for commercial use"),
                Skipped(task="wsc", kind="source", reason="hub:x/y: no network"),
            ],
        }
    )


def listing(schema=MIXTURE):
    files = [
        ExportFile(file=f"{name}/train-0.parquet", config=name, rows=rows, values_bytes=9, bytes=5, sha256="")
        for name, rows in (("default", 120), ("flan2021_zs_opt", 80))
    ]
    return ExportListing(
        schema=schema, files=[*files, ExportFile(file="x.tsv", rows=120, bytes=3, sha256="")]
    )


def card_of(manifest, **changes):
    return dataset_card(manifest.model_copy(update=changes), listing(), LENGTHS)


def test_a_benchmark_says_what_its_questions_are(manifest):
    changed = manifest.model_copy(update={"kind": "benchmark"})
    card = DatasetCard(dataset_card(changed, listing(BENCHMARK), LENGTHS))
    infos = DatasetInfosDict.from_dataset_card_data(card.data)
    assert infos["default"].features == Features.from_arrow_schema(BENCHMARK)
    assert "a benchmark built by flancollect" in card.text
    assert "`question` holds what scoring needs" in card.text
    assert "`question`" not in card_of(manifest)


def test_the_hub_reads_the_head(manifest):
    card = DatasetCard(card_of(manifest))
    data = card.data
    assert isinstance(data, DatasetCardData)
    assert data.license == "cc-by-4.0"
    assert data.language == ["en", "fr"]
    assert data.task_categories == ["text-generation", "translation", "text-classification"]
    assert data.size_categories == ["n<1K"]
    assert data.pretty_name == "A small one"
    assert "flancollect" in data.tags
    assert card.text.lstrip().startswith("# A small one")


def test_datasets_reads_configurations_and_features(manifest):
    data = DatasetCard(card_of(manifest)).data
    configs = MetadataConfigs.from_dataset_card_data(data)
    assert configs.get_default_config_name() == "default"
    assert list(configs) == ["default", "flan2021_zs_opt"]
    infos = DatasetInfosDict.from_dataset_card_data(data)
    assert infos["default"].features == Features.from_arrow_schema(MIXTURE)
    assert infos["flan2021_zs_opt"].splits["train"].num_examples == 80


def test_features_of_lists_of_structs(manifest):
    data = DatasetCard(dataset_card(manifest, listing(messages.SCHEMA), LENGTHS)).data
    infos = DatasetInfosDict.from_dataset_card_data(data)
    assert infos["default"].features == Features.from_arrow_schema(messages.SCHEMA)


def test_a_license_that_the_hub_does_not_list_is_named(manifest):
    data = DatasetCard(card_of(manifest, license="other")).data.to_dict()
    assert (data["license"], data["license_name"], data["license_link"]) == (
        "other",
        "mixed",
        "ATTRIBUTION.md",
    )


def test_the_card_says_what_is_in_it_and_what_is_not(manifest):
    card = card_of(manifest)
    for text in (
        "| `flan2021` | 2 | 120 | 100.0% |",
        "| `zs_opt` | 80 | 66.7% |",
        "| `inputs` | `all` | 40.5 | 40 | 50 | 60 | 61 |",
        "![Rows by submixture and template style](composition.svg)",
        "| [cc-by-4.0](<https://spdx.org/licenses/CC-BY-4.0.html>) | 120 | 100.0% | 2 | asks for attribution |",
        "| [org/rte](<https://huggingface.co/datasets/org/rte>) | `1` | 1 | 80 | 66.7% | cc-by-4.0 |",
        "| `anli` | 1 | license | license cc-by-nc-4.0: not for commercial use |",
        "| 3 | too long |",
        "2 planned rows could not be made",
        "Held out for benchmarks: `mmlu`.",
        "the policy `commercial` and the mixture's own rule (deny `nc`): 1 fell away",
        manifest.recipe_hash,
        manifest.content_hash,
    ):
        assert text in card


def test_the_rebuild_command_is_exact(manifest):
    command = "flancollect build small --rows 122 --seed 7 --only 'r*' --only 'bool q' "
    command += "--license-policy commercial --out DIR"
    assert rebuild_command(manifest) == command
    assert command in card_of(manifest)


def test_an_incomplete_benchmark_says_so_and_is_rebuilt_as_one(manifest):
    changes = {"kind": "benchmark", "complete": False}
    card = card_of(manifest, **changes)
    assert "--license-policy commercial --allow-incomplete --out DIR" in card
    assert "Questions of the benchmark are missing" in card
    # Where only some of its questions were asked for, no task is missing.
    assert "--allow-incomplete" not in card_of(manifest, **changes, skipped=[])
    assert "Questions of the benchmark are missing" not in card_of(manifest)


def test_the_card_holds_the_recipe_as_yaml(manifest):
    (block,) = re.findall(r"```yaml\n(.*?)\n```", card_of(manifest), re.DOTALL)
    assert yaml.safe_load(block) == manifest.recipe


def test_the_card_is_a_function_of_the_manifest(manifest):
    assert card_of(manifest) == card_of(manifest)


def nasty(manifest):
    tasks = [
        task.model_copy(
            update={
                "task": NASTY,
                "submix": NASTY,
                "license": NASTY,
                "citation": NASTY,
                "source_key": f"files:json:https://x/{NASTY}",
                "revision": NASTY,
                "languages": [NASTY],
            }
        )
        for task in manifest.tasks
    ]
    skipped = [Skipped(task=NASTY, kind="card", reason=NASTY)]
    recipe = {"name": NASTY, "title": NASTY, "hold_out": [NASTY], "rows": 1, "only": [NASTY]}
    licenses = [LicenseRows(license=NASTY, rows=120, tasks=2)]
    return manifest.model_copy(
        update={
            "tasks": tasks,
            "mixture": NASTY,
            "skipped": skipped,
            "recipe": recipe,
            "licenses": licenses,
            "license_reason": NASTY,
        }
    )


def test_text_from_cards_stays_text(manifest):
    bad = nasty(manifest)
    card = DatasetCard(dataset_card(bad, listing(), LENGTHS))
    assert card.data.pretty_name == " ".join(NASTY.split())
    for text in (card.text, attribution(bad)):
        plain = re.sub(
            r"(`{3,})[^\n]*\n.*?\n\1", "", text, flags=re.DOTALL
        )  # code blocks show what they hold
        plain = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", plain)  # so do code spans
        plain = re.sub(r"\(<https?:[^<>\s]*>\)", "", plain)  # addresses of links, percent-encoded
        assert "<script>" not in plain
        assert "[a](http" not in plain
        assert not re.search(r"(?<!\\)!\[i", plain)
        assert not re.search(r"^# Heading", plain, re.MULTILINE)
        assert "://evil" not in plain


def test_tables_keep_their_columns(manifest):
    for text in (
        DatasetCard(dataset_card(nasty(manifest), listing(), LENGTHS)).text,
        attribution(nasty(manifest)),
    ):
        for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
            columns = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
            assert len(columns) == 1, block


def test_the_picture_is_xml_whatever_the_names(manifest):
    for changed in (manifest, nasty(manifest), manifest.model_copy(update={"mixture": "a\x00\x1b<&>\"'"})):
        root = ElementTree.fromstring(picture(changed))
        texts = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        assert "120 (100.0%)" in texts
    assert "<script>" not in picture(nasty(manifest))


def test_the_bars_of_a_submixture_are_as_long_as_its_rows(manifest):
    root = ElementTree.fromstring(picture(manifest))
    bars = [node for node in root.iter("{http://www.w3.org/2000/svg}rect") if node.get("height") == "22"]
    widths = [int(bar.get("width")) for bar in bars]
    assert widths[0] == pytest.approx(2 * widths[1], abs=2)


def test_sources_of_every_kind_have_a_name(manifest):
    keys = {
        "hub:org/name/config%40x@main": "org/name",
        "files:csv:https://x.org/a.csv": "https://x.org/a.csv",
        'files:json:https://x.org/c.json {"rows":"Instances"}': "https://x.org/c.json",
        'files:json:{"train":["https://x.org/b.json"]} {"rows":"x"}': "https://x.org/b.json",
        'files:json:["a.json"] reshaped by turns in mine': "a.json",
        "files:csv:a.csv in mine": "a.csv",
        "hub:org/name/config@main reshaped by turns": "org/name",
        "synthetic:sums?rows=3": "generator sums of flancollect",
        "odd": "odd",
    }
    for key, name in keys.items():
        task = manifest.tasks[0].model_copy(update={"source_key": key})
        (use,) = source_uses(manifest.model_copy(update={"tasks": [task]}))
        assert use.place == name


def test_the_bibliography_says_only_what_cards_say(manifest):
    assert bibliography(manifest).count("@") == 1
    assert (
        "@misc{dagan2006pascal,\n  note = {Cited by the cards of rte},\n"
        "  howpublished = {https://huggingface.co/datasets/org/rte}\n}" in bibliography(manifest)
    )


def test_an_entry_in_a_card_is_kept_as_it_is(manifest):
    entry = "@article{me2020, title={Mine}}"
    tasks = [task.model_copy(update={"citation": entry}) for task in manifest.tasks]
    assert entry in bibliography(manifest.model_copy(update={"tasks": tasks}))
    assert citation_key(entry) == "me2020"


@pytest.mark.parametrize(
    ("rows", "category"), [(999, "n<1K"), (1000, "1K<n<10K"), (10_000_000, "10M<n<100M"), (10**9, "n>1B")]
)
def test_size_categories(rows, category):
    assert size_category(rows) == category


def test_markdown_pieces():
    assert code("a `b` | c") == "``a `b` \\| c``"
    assert code("`") == "`` ` ``"
    assert fenced("```\nx").startswith("````\n")
    assert link("a]b", "https://x/ >y") == "[a\\]b](<https://x/%20%3Ey>)"
    assert link("a", "javascript:x") == "a"
    assert prose("x" * 1000).endswith("...")
    assert [percent(1, 3), percent(2, 3), percent(1, 2000), percent(0, 0)] == [
        "33.3%",
        "66.7%",
        "0.1%",
        "0.0%",
    ]
    assert table(("a", "b"), [("x", 1000)]) == "| a | b |\n| --- | ---: |\n| x | 1,000 |"
