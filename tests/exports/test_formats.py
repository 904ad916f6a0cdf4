"""Every format, read back by the tools it is for."""

import json
import pkgutil
from importlib import import_module

import pyarrow.parquet as pq
import pytest
from datasets import get_dataset_config_names, load_dataset, load_from_disk
from datasets.utils.logging import disable_progress_bar

import flancollect as fc
from flancollect import exports
from flancollect.dataset.schemas import BENCHMARK, MIXTURE
from flancollect.errors import UsageError
from flancollect.exports import configs
from flancollect.exports.export import ExportOptions, export
from flancollect.exports.formats import FORMATS, format_of
from flancollect.exports.trl import prompt_completion
from tests.builds import build, question_jobs, rendered_rows, small_jobs
from tests.catalogs import DATA, FAMILY, TASK, write
from tests.small import nothing_embedded

disable_progress_bar()

ODD = 'tab\there "quoted" \\n back\\slash\r\nline\u2028separator \u0085 <b>&amp; 日本語 🦜 | pipe\n'


@pytest.fixture
def built(tmp_path):
    jobs = small_jobs() | {("odd", "zs_opt"): rendered_rows("odd", "zs_opt", 7, text=ODD)}
    build(tmp_path / "build", jobs)
    return tmp_path / "build"


def exported(built, form, folder="", **options):
    out = built.parent / (folder or form)
    return out, export(built, out, ExportOptions(format=form, **options)).export


def opened(out, *name, **options):
    return load_dataset(str(out), *name, split="train", cache_dir=str(out.parent / "cache"), **options)


def rows(built):
    return load_from_disk(str(built)).to_list()


def test_load_dataset_gives_the_rows_of_the_build_in_their_order(built):
    out, _ = exported(built, "parquet")
    assert opened(out).to_list() == rows(built)
    assert opened(out).features == load_from_disk(str(built)).features


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_benchmark_keeps_its_questions(tmp_path, form):
    build(tmp_path / "build", question_jobs(), kind="benchmark")
    out, _ = exported(tmp_path / "build", form)
    assert opened(out).to_list() == rows(tmp_path / "build")
    assert opened(out).features == load_from_disk(str(tmp_path / "build")).features
    out, _ = exported(tmp_path / "build", form, provenance=False, folder="short")
    assert opened(out).column_names == [name for name in BENCHMARK.names if name != "provenance"]


def test_a_benchmark_is_trained_on_like_any_mixture(tmp_path):
    build(tmp_path / "build", question_jobs(), kind="benchmark")
    for form, columns in (("trl", ["prompt", "completion"]), ("seqio", ["inputs", "targets"])):
        out, _ = exported(tmp_path / "build", form)
        assert opened(out).column_names == columns


def test_formats_are_the_modules_that_make_one():
    modules = {module.name for module in pkgutil.iter_modules(exports.__path__)}
    makers = {name for name in modules if hasattr(import_module(f"flancollect.exports.{name}"), "format_for")}
    assert makers == set(FORMATS)
    assert {format_of(name, MIXTURE, provenance=True).suffix for name in FORMATS} == {"parquet", "jsonl"}


def test_a_format_that_is_not_there_says_which_are(built):
    with pytest.raises(UsageError, match=r'Formats: parquet, .*Did you mean "parquet"'):
        exported(built, "parquett")


def test_every_style_is_a_configuration(built):
    out, _ = exported(built, "parquet")
    for name in ("zs_opt", "fs_noopt"):
        want = [row for row in rows(built) if row["template_type"] == name]
        assert opened(out, f"flan2021_{name}").to_list() == want


def test_a_folder_is_streamed_the_same(built):
    out, _ = exported(built, "parquet")
    assert list(opened(out, streaming=True)) == rows(built)


def test_provenance_can_be_left_out(built):
    for form in ("parquet", "jsonl"):
        out, listing = exported(built, form, provenance=False)
        assert opened(out).column_names == [name for name in MIXTURE.names if name != "provenance"]
        assert not listing.provenance


def test_parquet_is_laid_out_for_the_hub(built, monkeypatch):
    monkeypatch.setattr(configs, "GROUP_ROWS", 20)
    monkeypatch.setattr(configs, "FILE_ROWS", 60)
    out, listing = exported(built, "parquet")
    names = [f"default/train-{i:05d}-of-00003.parquet" for i in range(3)]
    assert [file.file for file in listing.files if file.config == "default"] == names
    assert [file.rows for file in listing.files if file.config == "default"] == [60, 60, 7]
    footer = pq.read_metadata(out / names[0])
    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [20, 20, 20]
    columns = [footer.row_group(0).column(i) for i in range(footer.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}
    assert all(column.has_offset_index for column in columns)
    assert footer.metadata is None  # no schema of this pyarrow, no pandas
    assert opened(out).to_list() == rows(built)


def test_jsonl_is_the_rows_as_objects(built):
    out, listing = exported(built, "jsonl")
    (file,) = (file.file for file in listing.files if file.config)
    lines = (out / file).read_bytes().decode().split("\n")
    assert [json.loads(line) for line in lines[:-1]] == rows(built)
    assert lines[-1] == ""
    assert opened(out).to_list() == rows(built)


def test_submixtures_of_odd_names_are_configurations_of_their_own(tmp_path):
    names = ["a b", "a_b", "a+b", "任务", "数学", "it's (ok) & .5"]
    files = {"family.yaml": FAMILY}
    for i, name in enumerate(names):
        task = TASK.replace("task: colours", f"task: t{i}").replace("mine", f'"{name}"')
        files[f"{i}.yaml"] = task.replace("colours.csv", f"{i}.csv")
        files[f"{i}.csv"] = DATA.replace(",", f" {i},").replace(f"thing {i}", "thing")
    catalogue = write(tmp_path / "cards", files)
    with nothing_embedded():
        fc.build(fc.BuildRequest("t*", catalogs=(catalogue,)), tmp_path / "build")
    out, _ = exported(tmp_path / "build", "parquet")
    configs = [name for name in get_dataset_config_names(str(out)) if name != "default"]
    assert sorted(configs) == sorted(f"{name}_{shots}_opt" for name in names for shots in ("zs", "fs"))
    for i, name in enumerate(names):
        assert set(opened(out, f"{name}_zs_opt")["task_name"]) == {f"t{i}"}


def test_jsonl_opens_by_its_suffix_alone(built):
    out, _ = exported(built, "jsonl")
    dataset = load_dataset("json", data_dir=str(out), split="train", cache_dir=str(out.parent / "cache"))
    assert dataset.num_rows == 127


def test_trl_has_prompts_as_they_are_and_completions_apart(built):
    out, _ = exported(built, "trl")
    dataset = opened(out)
    assert dataset.column_names == ["prompt", "completion"]
    assert dataset["prompt"][:] == [row["inputs"] for row in rows(built)]
    assert [text.removeprefix(" ") for text in dataset["completion"]] == [
        row["targets"] for row in rows(built)
    ]
    ends = {(row["prompt"][-1].isspace(), row["completion"].startswith(" ")) for row in dataset}
    assert ends == {(False, True), (True, False)}


@pytest.mark.parametrize(
    ("inputs", "targets", "completion"),
    [("a\n", "b", "b"), ("a", "\tb", "\tb"), ("a", "b", " b"), ("", "", " ")],
)
def test_one_space_at_most_keeps_answers_apart(inputs, targets, completion):
    assert prompt_completion({"inputs": inputs, "targets": targets}) == {
        "prompt": inputs,
        "completion": completion,
    }


def test_messages_are_two_turns(built):
    out, _ = exported(built, "messages")
    assert opened(out)["messages"][:] == [
        [{"role": "user", "content": row["inputs"]}, {"role": "assistant", "content": row["targets"]}]
        for row in rows(built)
    ]


def test_seqio_has_two_columns_on_lines_of_their_own(built):
    out, _ = exported(built, "seqio")
    want = [(row["inputs"], row["targets"]) for row in rows(built)]
    assert [(row["inputs"], row["targets"]) for row in opened(out)] == want
    lines = (out / "train-00000-of-00001.tsv").read_bytes().decode().split("\n")[:-1]
    assert [tuple(map(unescaped, line.split("\t"))) for line in lines] == want


def unescaped(text):
    meant, plain = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}, iter(text)
    return "".join(meant[next(plain)] if char == "\\" else char for char in plain)


def test_a_build_without_rows_exports_an_empty_dataset(tmp_path):
    build(tmp_path / "build", {("rte", "zs_opt"): rendered_rows("rte", "zs_opt", 0)})
    for form in ("parquet", "jsonl"):
        out, listing = exported(tmp_path / "build", form)
        assert listing.rows == 0
        assert (out / "README.md").is_file()
    assert pq.read_table(tmp_path / "parquet" / "default" / "train-00000-of-00001.parquet").num_rows == 0
