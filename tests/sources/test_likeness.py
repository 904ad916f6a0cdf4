import pyarrow as pa
import pytest

from flancollect.sources.likeness import FileColumns, alike, joint_schema, unlike_columns

TEXTS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.binary(4),
    pa.dictionary(pa.int8(), pa.string()),
]
INTS = [pa.int8(), pa.int32(), pa.int64(), pa.uint16(), pa.dictionary(pa.int32(), pa.int64())]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]
KINDS = [
    TEXTS,
    INTS,
    FLOATS,
    [pa.bool_()],
    [pa.date32(), pa.date64()],
    [pa.timestamp("ns"), pa.timestamp("s")],
    [pa.timestamp("us", "UTC")],
    [pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.binary(), 2), pa.list_(pa.null())],
    [pa.list_(pa.int64())],
    [pa.struct([("a", pa.int32()), ("b", pa.string())]), pa.struct([("b", pa.large_string())])],
    [pa.struct([("b", pa.bool_())])],
    [pa.decimal128(5, 2), pa.decimal128(9, 2)],
    [pa.decimal128(5, 1)],
    [pa.map_(pa.string(), pa.int32()), pa.map_(pa.large_string(), pa.int64())],
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_types_are_alike_within_a_kind_and_unlike_across(kind):
    for one in kind:
        assert alike(one, pa.null())
        assert alike(pa.null(), one)
        assert all(alike(one, other) for other in kind)
        others = [other for types in KINDS if types is not kind for other in types]
        assert [
            other for other in others if alike(one, other) and not pa.types.is_null(_inner(one, other))
        ] == []


def _inner(one, other):
    """Null where one of the two is a list of nulls, which any list is like."""
    kinds = [kind.value_type for kind in (one, other) if pa.types.is_list(kind)]
    return next((kind for kind in kinds if pa.types.is_null(kind)), pa.bool_())


def _columns(name, without_values=(), **types):
    return FileColumns(name=name, schema=pa.schema(types), without_values=frozenset(without_values))


def test_disagreement_names_both_files_and_what_each_has():
    files = [_columns("a", q=pa.null(), n=pa.int32()), _columns("b", n=pa.string(), q=pa.string())]
    assert unlike_columns(files) == {
        "n": 'b: column "n" is string, but int32 in a: the files of a split must agree on the columns that a card '
        "reads; write them anew with one type, or give each file a card of its own"
    }
    whole, with_holes = _columns("a", n=pa.int64()), _columns("b", n=pa.float64())
    assert "of pandas with `Int64`" in unlike_columns([whole, with_holes])["n"]
    assert unlike_columns([*files, _columns("c", q=pa.int64(), n=pa.int8())])["q"].startswith(
        'c: column "q" is int64, but string in b: '
    )


def test_a_column_that_a_file_lacks_is_named_with_those_it_has():
    files = [
        _columns("a", q=pa.string()),
        _columns("b", q=pa.string(), note=pa.string()),
        _columns("c", x=pa.null()),
    ]
    assert unlike_columns(files) == {
        "q": 'c: no column "q", which a has. Columns: x',
        "note": 'a: no column "note", which b has. Columns: q',
        "x": 'a: no column "x", which c has. Columns: q',
    }
    assert joint_schema(files).names == ["q", "note", "x"]


def test_a_column_of_nulls_is_like_any_whatever_its_type_says():
    files = [
        _columns("a", ["q"], q=pa.float64()),
        _columns("b", q=pa.string()),
        _columns("c", ["q"], q=pa.int32()),
    ]
    assert unlike_columns(files) == {}
