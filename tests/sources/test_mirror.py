import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flancollect.errors import SourceError, UsageError
from flancollect.sources.mirror import load_mirror, mirrored_dataset, mirrored_url


@pytest.fixture
def mirror(tmp_path):
    """Write a mirror file beside some folders, and load it."""

    def mirror(text):
        for name in ("data/raw/tasks", "data/other", "hub", "hub2", "outside"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
        path = tmp_path / "mirror.yaml"
        path.write_text(text)
        return load_mirror(path)

    return mirror


URLS = 'urls:\n  "https://raw.host/org/*/tasks/": data/raw/tasks\n  "private://corp/": data/other\n'


def test_folders_are_relative_to_the_mirror_file_and_keep_their_order(mirror, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    loaded = mirror(f"hub: [hub2, {tmp_path}/hub]\n{URLS}")
    assert loaded.hub == (tmp_path / "hub2", tmp_path / "hub")
    assert loaded.urls[1] == ("private://corp/", tmp_path / "data/other")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "hubs: [hub]",
            r'mirror.yaml:1  no key "hubs" in a mirror file\. Keys: hub, urls\. Did you mean "hub"',
        ),
        ("hub: hub", "mirror.yaml:1  hub: must be a list of folders"),
        ("hub:\n- hub\n- nowhere", "mirror.yaml:3  no folder .*/nowhere"),
        ("hub:\n- ~no-such-user-here/hub", "mirror.yaml:2  '~no-such-user-here/hub' is no folder: "),
        ('hub:\n- "a\\0b"', r"mirror.yaml:2  'a.x00b' is no folder: "),
        ("hub:\n- [hub]", "mirror.yaml:2  a folder must stand here"),
        ("urls: [hub]", "mirror.yaml:1  a mapping"),
        ("urls:\n  a://: hub\n  a://: hub2", 'mirror.yaml:3  the key "a://" is already there, at line 2; keep one'),
        ("hub: []\nhub: []", 'mirror.yaml:2  the key "hub" is already there, at line 1; keep one of them'),
        ("- hub", "mirror.yaml:1  a mapping"),
        ("hub: [", "mirror.yaml:2  not valid YAML: "),
        ("hub:\n\t- hub", "mirror.yaml:2  a tab; indent with spaces"),
        ("hub: &here [hub]\nurls: {a://: *here}", "mirror.yaml:1  the anchor &here is not part of .*\n.*the reference"),
        ("hub: !!python/object/apply:os.system [x]", "mirror.yaml:1  the tag !!python/object/apply:os.system is"),
        ("hub:\n- hub\n-", "mirror.yaml:3  a folder must stand here"),
        ("---\nhub: []\n---\nhub: []", "mirror.yaml:3  a second document starts"),
    ],
)  # fmt: skip
def test_a_wrong_mirror_file_is_a_usage_error_with_its_line(mirror, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        mirror(text)
    assert caught.value.exit_code == 2


def test_all_that_is_wrong_is_said_at_once_in_the_order_of_lines(mirror, tmp_path):
    with pytest.raises(UsageError) as caught:
        mirror("urls:\n  a://: nowhere\n  b://:\nhub: [hub, elsewhere]\nurl: {}\n")
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/mirror.yaml:2  no folder {tmp_path}/nowhere",
        f"{tmp_path}/mirror.yaml:3  a folder must stand here",
        f"{tmp_path}/mirror.yaml:4  no folder {tmp_path}/elsewhere",
        f'{tmp_path}/mirror.yaml:5  no key "url" in a mirror file. Keys: hub, urls. Did you mean "urls"?',
    ]


def test_a_missing_mirror_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"none\.yaml  cannot be read: No such file"):
        load_mirror(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["", "# nothing is mapped yet\n"])
def test_an_empty_mirror_file_maps_nothing(mirror, text):
    assert mirrored_url(mirror(text), "https://raw.host/org/main/tasks/a.json") is None


# --- urls --------------------------------------------------------------------------------------------------


def test_the_rest_of_a_url_is_the_path_inside(mirror, tmp_path):
    loaded = mirror(URLS)
    for name in ("a.json", "deep/b c.json"):
        path = tmp_path / "data/raw/tasks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    found = lambda rest: mirrored_url(loaded, f"https://raw.host/org/main/tasks/{rest}")  # noqa: E731
    assert found("a.json") == tmp_path / "data/raw/tasks/a.json"
    assert found("a.json#top") == tmp_path / "data/raw/tasks/a.json"
    assert found("a.json?raw=true") == tmp_path / "data/raw/tasks/a.json"
    assert found("a.json?download=1&dl") == tmp_path / "data/raw/tasks/a.json"
    assert found("deep/b%20c.json") == tmp_path / "data/raw/tasks/deep/b c.json"


def test_urls_that_differ_in_their_query_are_different_files(mirror, tmp_path):
    loaded = mirror('urls: {"https://drive.host/": data/other}')
    folder = tmp_path / "data/other"
    for name in ("uc", "uc?export=download&id=A", "uc?export=download&id=B", "uc?path=a%2Fb"):
        (folder / name).write_text(name)
    for query in ("?export=download&id=A", "?export=download&id=B"):
        assert mirrored_url(loaded, f"https://drive.host/uc{query}") == folder / f"uc{query}"
    assert mirrored_url(loaded, "https://drive.host/uc?path=a/b") == folder / "uc?path=a%2Fb"
    for query in ("?export=download&id=C", "?id", "?path=../uc", "?sig=" + "x" * 300):
        with pytest.raises(SourceError) as caught:
            mirrored_url(loaded, f"https://drive.host/uc{query}")
        assert str(caught.value) == (
            "https://drive.host/uc?...: source unavailable: not in mirror mirror.yaml (looked for data/other/uc?...)"
        )


def test_any_scheme_can_be_mapped(mirror, tmp_path):
    loaded = mirror(URLS)
    (tmp_path / "data/other/x.csv").write_text("a\n")
    assert mirrored_url(loaded, "private://corp/x.csv") == tmp_path / "data/other/x.csv"


@pytest.mark.parametrize(
    "url",
    [
        "https://raw.host/org/a/b/tasks/x.json",
        "https://raw.host/org/main/tasksx/x.json",
        "https://rawxhost/org/main/tasks/x.json",
        "http://raw.host/org/main/tasks/x.json",
        "data/raw/tasks/x.json",
    ],
)
def test_a_star_is_one_segment_and_the_rest_is_literal(mirror, url):
    assert mirrored_url(mirror(URLS), url) is None


def test_a_prefix_without_a_slash_ends_at_one(mirror, tmp_path):
    loaded = mirror('urls: {"https://host/data": data/other}')
    (tmp_path / "data/other/x").write_text("")
    assert mirrored_url(loaded, "https://host/data/x") == tmp_path / "data/other/x"
    assert mirrored_url(loaded, "https://host/database/x") is None


def test_what_a_mapped_folder_lacks_is_unavailable_and_not_looked_for_elsewhere(mirror):
    with pytest.raises(
        SourceError, match=r"source unavailable: not in mirror .*mirror\.yaml \(looked for .*/no"
    ):
        mirrored_url(mirror(URLS), "https://raw.host/org/main/tasks/no.json")


def test_what_is_missing_is_named_alike_on_every_machine(tmp_path):
    reasons = set()
    for folder in (tmp_path / "a", tmp_path / "somewhere" / "else"):
        (folder / "data").mkdir(parents=True)
        (folder / "mirror.yaml").write_text('urls: {"https://h/": data}\nhub: [data]\n')
        loaded = load_mirror(folder / "mirror.yaml")
        with pytest.raises(SourceError) as no_file:
            mirrored_url(loaded, "https://h/x.json")
        with pytest.raises(SourceError) as no_dataset:
            mirrored_dataset(loaded, "o/d", "default")
        reasons |= {str(no_file.value), str(no_dataset.value)}
    assert reasons == {
        "https://h/x.json: source unavailable: not in mirror mirror.yaml (looked for data/x.json)",
        "o/d (default): source unavailable: not in mirror mirror.yaml",
    }


def test_the_first_mapping_that_holds_the_file_wins(mirror, tmp_path):
    loaded = mirror('urls: {"https://h/": data/other, "https://h/tasks/": data/raw/tasks}')
    (tmp_path / "data/raw/tasks/a").write_text("")
    assert mirrored_url(loaded, "https://h/tasks/a") == tmp_path / "data/raw/tasks/a"


@pytest.mark.parametrize(
    "rest", ["../other/x", "%2e%2e/other/x", "a/../../other/x", "link/x", "file", "a%00b"]
)
def test_nothing_outside_the_folder_can_be_reached(mirror, tmp_path, rest):
    loaded = mirror(URLS)
    (tmp_path / "data/other/x").write_text("secret")
    (tmp_path / "data/raw/tasks/link").symlink_to(tmp_path / "data/other")
    (tmp_path / "data/raw/tasks/file").symlink_to(tmp_path / "data/other/x")
    with pytest.raises(SourceError, match="leads out of the folder"):
        mirrored_url(loaded, f"https://raw.host/org/main/tasks/{rest}")


# --- the hub -----------------------------------------------------------------------------------------------


@pytest.fixture
def hubs(mirror, tmp_path):
    loaded = mirror("hub: [hub, hub2]")
    for name in (
        "hub/org/a/rte/train.parquet",
        "hub/org/a/rte/test.parquet",
        "hub/org/a/wic/train.parquet",
        "hub2/org/a/cola/train.parquet",
        "hub2/org/b/train-00001-of-00002.parquet",
        "hub2/org/b/train-00000-of-00002.parquet",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [1]}), path)
    return loaded


def test_a_config_is_a_folder_and_its_splits_are_files(hubs, tmp_path):
    folder = tmp_path / "hub/org/a/rte"
    assert mirrored_dataset(hubs, "org/a", "rte") == {
        "test": [folder / "test.parquet"],
        "train": [folder / "train.parquet"],
    }


def test_the_default_config_needs_no_folder_and_pieces_are_one_split(hubs, tmp_path):
    assert mirrored_dataset(hubs, "org/b", "default") == {
        "train": [tmp_path / f"hub2/org/b/train-0000{i}-of-00002.parquet" for i in (0, 1)]
    }


@pytest.mark.parametrize(
    ("config", "files", "splits"),
    [
        ("default", ["data/train-00000-of-00001-5e672c5751f060d3"], ["train"]),
        ("default", ["data/train-00000-of-00002-aa", "data/train-00001-of-00002-bb", "data/test-00000-of-00001-cc"],
         ["test", "train"]),
        ("default", ["train-00000-of-00001-5e672c5751f060d3", "dev"], ["dev", "train"]),
        ("default", ["default/train/0000", "default/train/0001", "default/test/0000"], ["test", "train"]),
        ("default", ["train/0000", "test/0000"], ["test", "train"]),
        ("default", ["train-0000-of-0001"], ["train"]),
        ("en", ["en/train-00000-of-00001-5e672c5751f060d3", "de/train"], ["train"]),
        ("en", ["en/train/0000", "en/partial-train/0000"], ["partial-train", "train"]),
    ],
)  # fmt: skip
def test_a_dataset_lies_as_the_tools_of_the_hub_lay_it(hubs, tmp_path, config, files, splits):
    folder = tmp_path / "hub/org/tool"
    for name in files:
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    read = mirrored_dataset(hubs, "org/tool", config)
    assert list(read) == splits
    assert {path for paths in read.values() for path in paths} <= {
        folder / f"{name}.parquet" for name in files
    }
    assert [path.stem for path in read[splits[-1]]] == sorted(path.stem for path in read[splits[-1]])


def test_a_config_is_no_split_of_the_default_config(hubs):
    with pytest.raises(SourceError, match=r'org/a: no config "default" in mirror .* Configs: rte, wic\.'):
        mirrored_dataset(hubs, "org/a", "default")


@pytest.mark.parametrize("folder", ["", "data/", "default/train/", "default/"])
def test_a_split_that_lacks_a_file_is_refused(hubs, tmp_path, folder):
    path = tmp_path / f"hub/org/cut/{folder}train-00001-of-00003.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    (path.parent / "train-00002-of-00003.parquet").write_bytes(b"")
    with pytest.raises(
        SourceError, match=r'org/cut \(default\), split "train" .*: 1 of 3 files are missing: train-00000-of'
    ):
        mirrored_dataset(hubs, "org/cut", "default")


def test_two_sets_of_files_for_one_split_are_refused(hubs, tmp_path):
    folder = tmp_path / "hub/org/twice/data"
    folder.mkdir(parents=True)
    for name in ("train-00000-of-00001-aa", "train-00000-of-00001-bb"):
        (folder / f"{name}.parquet").write_bytes(b"")
    with pytest.raises(SourceError, match=r'-bb and .*-aa are both the split "train"'):
        mirrored_dataset(hubs, "org/twice", "default")


def test_a_gap_in_numbered_files_and_splits_in_two_places_are_refused(hubs, tmp_path):
    for name in (
        "gap/default/train/0000",
        "gap/default/train/0002",
        "two/train-00000-of-00001",
        "two/data/train",
    ):
        path = tmp_path / f"hub/org/{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    with pytest.raises(SourceError, match="1 of the numbered files are missing: 0001"):
        mirrored_dataset(hubs, "org/gap", "default")
    with pytest.raises(SourceError, match=r"both in .*two and in its folder data"):
        mirrored_dataset(hubs, "org/two", "default")


def test_an_old_id_without_an_owner_is_below_legacy(hubs, tmp_path):
    old = tmp_path / "hub2/legacy/crawl/enda/train.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"")
    assert mirrored_dataset(hubs, "crawl", "enda") == {"train": [old]}


def test_an_unknown_config_lists_those_of_the_first_folder(hubs):
    with pytest.raises(SourceError, match=r'org/a: no config "rt" in mirror .* Configs: rte, wic\. .*"rte"'):
        mirrored_dataset(hubs, "org/a", "rt")
    with pytest.raises(SourceError, match=r'org/a: no config "cola"'):
        mirrored_dataset(hubs, "org/a", "cola")


def test_a_dataset_that_no_folder_holds_is_unavailable(hubs):
    with pytest.raises(SourceError, match=r"org/c \(default\): source unavailable: not in mirror"):
        mirrored_dataset(hubs, "org/c", "default")


@pytest.mark.parametrize(("hub", "config"), [("../outside", "default"), ("org/a", "../../../outside")])
def test_names_cannot_lead_out_of_a_hub_folder(hubs, hub, config):
    with pytest.raises(SourceError, match="leads out of the folder"):
        mirrored_dataset(hubs, hub, config)


def test_a_linked_file_cannot_lead_out_of_a_hub_folder(hubs, tmp_path):
    (tmp_path / "outside/x.parquet").write_bytes(b"")
    (tmp_path / "hub/org/a/rte/x.parquet").symlink_to(tmp_path / "outside/x.parquet")
    with pytest.raises(SourceError, match="leads out of the folder"):
        mirrored_dataset(hubs, "org/a", "rte")


@pytest.mark.parametrize(
    "url", ["hf://datasets/org/a/rte/train.parquet", "hf://datasets/org/a@v1/rte/train.parquet"]
)
def test_hub_files_come_from_the_hub_folders(hubs, tmp_path, url):
    assert mirrored_url(hubs, url) == tmp_path / "hub/org/a/rte/train.parquet"
    with pytest.raises(SourceError, match="not in mirror"):
        mirrored_url(hubs, url.replace("train", "none"))
