from pathlib import Path

import pytest

from flancollect.cards.paths import is_within


@pytest.mark.parametrize(
    ("path", "within"),
    [
        ("home", True),
        ("home/.", True),
        ("home/a.txt", True),
        ("home/none/at/all", True),
        ("home/../home/a.txt", True),
        ("home/deeper/../a.txt", True),
        ("home/../other/a.txt", False),
        ("homely/a.txt", False),
        ("other", False),
        (".", False),
        ("home/link-in", True),
        ("home/link-out", False),
        ("home/folder-out/a.txt", False),
        ("home/link-out/..", False),
        ("home/dangling", False),
        ("home/loop", True),
        ("other/link-home/a.txt", True),
    ],
)
@pytest.mark.parametrize("folder", ["home", "other/link-home"])
def test_paths_and_folders_are_followed_through_links(tmp_path, path, within, folder):
    for name in ("home/deeper", "homely", "other"):
        (tmp_path / name).mkdir(parents=True)
    links = {
        "home/link-in": "home/a.txt",
        "home/link-out": "other/a.txt",
        "home/folder-out": "other",
        "home/dangling": "nowhere",
        "home/loop": "home/loop",
        "other/link-home": "home",
    }
    for link, target in links.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    assert is_within(tmp_path / path, tmp_path / folder) is within


def test_relative_paths_start_from_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_within(Path("home/a"), Path("home"))
    assert is_within(tmp_path / "home" / "a", Path("home"))
    assert is_within(Path("home/a"), tmp_path)
    assert not is_within(Path(), Path("home"))


def test_everything_is_inside_the_root():
    assert is_within(Path("/etc/passwd"), Path("/"))
    assert is_within(Path("/"), Path("/"))
