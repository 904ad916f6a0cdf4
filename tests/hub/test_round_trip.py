"""Build, publish, load with `datasets`, pull and verify: the whole way, with the real clients."""

import json
import os
import subprocess
import sys

import pytest

import flancollect as fc
from flancollect.artifacts import Export
from flancollect.dataset.reader import read_manifest
from flancollect.dataset.verify import verify
from tests.catalogs import DATA, FAMILY, TASK, write
from tests.hub.client import REPO, TOKEN, files_of
from tests.small import REPO as CHECKOUT
from tests.small import built, nothing_embedded, request

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the Hub's client's own


def datasets_reads(client, build, configs, home):
    """What a process that only knows the Hub's address sees of the dataset."""
    tasks = read_manifest(build).tasks
    by_config = {
        config: [[task.task for task in tasks if f"{task.submix}_{task.variant}" == config], variant]
        for config, variant in configs.items()
    }
    environment = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "HF_ENDPOINT": client.hub.endpoint,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.hub.reader", str(build), REPO, json.dumps(by_config)],
        capture_output=True, text=True, timeout=120, env=environment, check=False, cwd=CHECKOUT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", ["small", "questions"])
def test_rows_go_to_the_hub_and_come_back_the_same(name, client, tmp_path):
    build = tmp_path / "build"
    built(build, request(name))
    manifest = read_manifest(build)
    client.publish(build)
    configs = {f"{task.submix}_{task.variant}": task.variant for task in manifest.tasks if task.rows}
    some = dict(sorted(configs.items())[:2])
    told = datasets_reads(client, build, some, tmp_path / "datasets")
    assert told["loaded"] == told["streamed"] == told["build"]
    assert told["build"]["default"][0] == manifest.rows > 0
    assert all(0 < rows <= manifest.rows for rows, _ in (told["build"][config] for config in some))
    client.pull(tmp_path / "pulled")
    assert verify(tmp_path / "pulled").rows == manifest.rows
    original = {name: data for name, data in files_of(build).items() if name != "report.json"}
    assert files_of(tmp_path / "pulled") == original


def test_submixtures_of_any_name_go_to_the_hub_and_are_loaded_by_it(client, tmp_path):
    catalogue = tmp_path / "cards"
    for number, name in enumerate(["a b", "a+b", "数学 (it's) & more"]):
        data = DATA.replace(",", f" {number},").replace(f"thing {number}", "thing")
        task = TASK.replace("task: colours", f"task: t{number}").replace("mine", f'"{name}"')
        write(
            catalogue,
            {f"{number}.yaml": task.replace("colours.csv", f"{number}.csv"), f"{number}.csv": data},
        )
    write(catalogue, {"family.yaml": FAMILY})
    build = tmp_path / "build"
    with nothing_embedded():
        fc.build(fc.BuildRequest("t*", catalogs=(catalogue,)), build)
    client.publish(build)
    configs = {
        f"{task.submix}_{task.variant}": task.variant for task in read_manifest(build).tasks if task.rows
    }
    assert len({name.rsplit("_", 2)[0] for name in configs}) == 3
    told = datasets_reads(client, build, configs, tmp_path / "datasets")
    assert told["loaded"] == told["streamed"] == told["build"]
    client.pull(tmp_path / "pulled")
    assert verify(tmp_path / "pulled").rows == read_manifest(build).rows


def test_after_a_change_of_one_template_only_changed_files_are_sent(client, tmp_path, copied):
    build = tmp_path / "build"
    built(build, request(catalogue=copied))
    client.publish(build)
    before = client.hub.repos[REPO].files()
    family = copied / "phrases" / "phrase.yaml"
    family.write_text(family.read_text().replace("In English:", "Say in English:"))
    built(build, request(catalogue=copied))
    client.hub.log.clear()
    done = client.publish(build)
    after = client.hub.repos[REPO].files()
    differ = {name for name in after if before.get(name) != after[name]}
    parquet = {name for name in after if name.endswith(".parquet")}
    assert done.uploaded == {name: len(after[name]) for name in differ}
    assert "default/train-00000-of-00001.parquet" in differ & parquet
    assert parquet - differ  # configurations that the template has no part in
    sent = {asked.path.rpartition("/")[2] for asked in client.hub.asked("PUT", "/upload/")}
    assert len(sent) == len(differ & parquet)
    assert client.hub.received("/upload/") == sum(len(after[name]) for name in differ & parquet)
    listed = Export.model_validate_json(after["export.json"])
    assert {file.sha256 for file in listed.files if file.file in differ & parquet} == sent
