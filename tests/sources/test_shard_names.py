import pytest

from flancollect.errors import SourceError
from flancollect.sources.shard_names import refuse_gaps, refuse_incomplete, refuse_two_sets, shard_name


@pytest.mark.parametrize(
    ("stem", "split", "number", "count"),
    [
        ("train", "train", 0, None),
        ("train-00001-of-00002", "train", 1, 2),
        ("train-00000-of-00001-5e672c5751f060d3", "train", 0, 1),
        ("train-0000-of-0001", "train", 0, 1),
        ("test-of-time", "test-of-time", 0, None),
        ("dev-clean-00003-of-00010", "dev-clean", 3, 10),
        ("0000", "0000", 0, None),
    ],
)
def test_names_say_their_split_and_which_of_how_many_they_are(stem, split, number, count):
    name = shard_name(stem)
    assert (name.split, name.number, name.count) == (split, number, count)


@pytest.mark.parametrize(
    ("stems", "missing"),
    [
        (["train-00000-of-00002"], "1 of 2 files are missing: train-00001-of-00002"),
        (["train-00001-of-00003", "train-00002-of-00003", "x"], "1 of 3 files are missing: train-00000-of-00003"),
        (["t-0-of-2-ab", "t-1-of-2-ff", "t-0-of-2"], "1 of 2 files are missing: t-1-of-2"),
        (["t-00000-of-00002-ab"], r"1 of 2 files are missing: t-00001-of-00002-\*"),
        (["t-0-of-9"], "8 of 9 files are missing: t-1-of-9, t-2-of-9, t-3-of-9, t-4-of-9, t-5-of-9, ..."),
    ],
)  # fmt: skip
def test_a_set_that_lacks_a_file_is_refused_with_its_name(stems, missing):
    with pytest.raises(SourceError, match=f"^org/d: {missing}$"):
        refuse_incomplete(stems, "org/d")


@pytest.mark.parametrize(
    "stems", [[], ["train"], ["a-0-of-2", "a-1-of-2", "b-0-of-1"], ["a-1-of-2", "a-2-of-2"], ["0000", "0001"]]
)
def test_whole_sets_pass(stems):
    assert refuse_incomplete(stems, "org/d") is None
    assert refuse_two_sets(stems[:2], "org/d") is None


@pytest.mark.parametrize(
    "stems",
    [["a", "a-0-of-1"], ["a-0-of-1", "a-0-of-2", "a-1-of-2"], ["a-0-of-1-ab", "a-0-of-1-cd"]],
)
def test_two_sets_of_one_split_are_refused(stems):
    with pytest.raises(
        SourceError, match=r'^org/d: a.* and a.* are both the split "a": delete the files of one'
    ):
        refuse_two_sets(stems, "org/d")


@pytest.mark.parametrize(
    ("stems", "missing"),
    [
        (["0000", "0002"], "1 of the numbered files are missing: 0001"),
        (["0003"], "2 of the numbered files are missing: 0001, 0002"),
        (["1", "2", "4"], "1 of the numbered files are missing: 3"),
    ],
)
def test_a_gap_in_numbered_files_is_refused(stems, missing):
    with pytest.raises(SourceError, match=f"^org/d: {missing}$"):
        refuse_gaps(stems, "org/d")


@pytest.mark.parametrize("stems", [[], ["0000"], ["0001"], ["0000", "0001"], ["1", "2"], ["a", "0002"]])
def test_numbers_without_a_gap_and_other_names_are_fine(stems):
    assert refuse_gaps(stems, "org/d") is None
