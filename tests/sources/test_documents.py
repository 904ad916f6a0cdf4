import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError
from flancollect.sources import delimited
from flancollect.sources.decode import LocalFile
from flancollect.sources.documents import read_json, read_jsonl
from flancollect.sources.parts import table_of


@pytest.fixture
def file(tmp_path):
    def file(data):
        path = tmp_path / "f"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return LocalFile(name="f", path=path, sha256="", packing="", max_bytes=1 << 40)

    return file


def rows_of(tables):
    """All rows, each with its own keys, and why some cannot be read."""
    table = table_of(tables, sparse=True)
    values = table.take(np.arange(table.rows), table.schema.names)
    return values.rows(), values.unreadable


@pytest.fixture
def read(file):
    """Read a document; gives its rows and its `doc`."""

    def read(data, rows=None):
        tables, doc = read_json(
            file(data), FileSource.model_validate({"files": "f", "format": "json", "rows": rows})
        )
        return rows_of(tables)[0], doc

    return read


@pytest.fixture
def read_lines(file):
    return lambda data: rows_of(read_jsonl(file(data), FileSource(files="f", format="jsonl")))[0]


ODD = "👩‍👩‍👧 \u200fשלום\u202e {{ x }} {% y %} {# z #}\n\r\t\u2028\u0000 \\n \"'"


def test_rows_lie_at_a_dotted_path_and_doc_is_the_rest(read):
    document = {"name": "t", "data": {"note": [1], "items": [{"a": 1}, {"a": 2}], "more": {"items": 3}}}
    rows, doc = read(json.dumps(document), "data.items")
    assert rows == [{"a": 1}, {"a": 2}]
    assert doc == {"name": "t", "data": {"note": [1], "more": {"items": 3}}}


def test_a_document_may_itself_be_the_list(read):
    assert read('[{"a": "x"}]') == ([{"a": "x"}], {})


@pytest.mark.parametrize("ascii_only", [True, False])
def test_values_arrive_exactly_as_in_the_file(read, ascii_only):
    numbers = {"n": 2**53 + 1, "f": 0.1, "b": False, "none": None}
    rows = [{"text": ODD, "list": [ODD, ""], "o": {ODD: "x"}, **numbers}]
    text = json.dumps({"rows": rows, "doc": ODD}, ensure_ascii=ascii_only)
    assert read(text, "rows") == (rows, {"doc": ODD})


def same(value, other):
    """Whether two JSON values are equal down to their types: 3 is not 3.0, nor true 1."""
    return repr(value) == repr(other)


ROWS = [
    [{"a": 1}, {"b": "x"}],
    [{"a": None}, {"a": "x"}, {}],
    [{"a": None, "b": "x"}, {"b": None}],
    [{"tool": {"args": {"to": "home"}}}, {"tool": {"args": {"mode": 1}}}, {"tool": {"args": {}}}],
    [{"options": {"A": "x", "B": "y"}}, {"options": {"A": "x"}}],
    [{"l": [{"a": 1}, {"b": [2]}]}, {"l": [{"c": {}}]}, {"l": []}],
    [{"n": 3}, {"n": 0.5}, {"n": 49}],
    [{"n": [1, 2]}, {"n": [1, 2.5]}],
    [{"n": 2**53 + 1}, {"n": 0.5}, {"n": -(2**70)}, {"n": 2**63}],
    [{"n": -0.0}, {"n": 1e-320}, {"n": 1.7976931348623157e308}],
    [{"id": "a7"}, {"id": 7}, {"id": True}, {"id": [7]}, {"id": {"id": 7}}, {"id": None}],
    [{"b": True}, {"b": 1}, {"b": False}],
    [{"t": "C:\\\\udir"}, {"t": ["\\ud83d", "👩‍👩‍👧"]}],
]


@pytest.mark.parametrize("batch", [1, 2, 16_384])
@pytest.mark.parametrize("rows", ROWS)
def test_a_row_has_its_own_keys_and_values_whatever_other_rows_have(
    read, read_lines, monkeypatch, batch, rows
):
    monkeypatch.setattr(delimited, "BATCH_ROWS", batch)
    assert same(read(json.dumps(rows))[0], rows)
    assert same(read_lines("".join(json.dumps(row) + "\n" for row in rows)), rows)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "b", "ü"]), _json), min_size=1, max_size=6), st.booleans()
)
def test_any_rows_come_back_as_they_were(tmp_path_factory, rows, ascii_only):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in rows), newline="")
    file = LocalFile(name="f", path=path, sha256="", packing="", max_bytes=1 << 40)
    read, unreadable = rows_of(read_jsonl(file, FileSource(files="f", format="jsonl")))
    assert not unreadable
    # In the order of the alphabet: that of the columns hangs on other rows.
    assert [sorted(row) for row in read] == [list(row) for row in read]
    assert all(same(row[key], other[key]) for row, other in zip(read, rows, strict=True) for key in other)
    assert [set(row) for row in read] == [set(row) for row in rows]


def test_columns_of_one_kind_are_typed_and_others_are_json(file):
    rows = [
        {"t": "x", "n": 1, "f": 0.5, "b": True, "l": ["x"], "m": 1},
        {"t": "y", "n": 2, "m": "z", "o": None},
    ]
    table = table_of(read_json(file(json.dumps(rows)), FileSource(files="f", format="json"))[0], sparse=True)
    assert table.lock().columns == {
        "t": "string", "n": "int64", "f": "double", "b": "bool", "l": "json", "m": "json", "o": "json"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"q":"x","a":"1","q":"z"}', 'f:1: the key "q" stands twice in the object that begins there'),
        ('{"a":1}\n{"a": [{"k": {"x": 1, "x": 1}}]}\n', 'f:2: the key "x" stands twice'),
    ],
)
def test_a_key_twice_in_an_object_is_an_error_with_its_line(read_lines, data, message):
    with pytest.raises(SourceError, match=f"^{message}"):
        read_lines(data)


@pytest.mark.parametrize(
    ("data", "rows", "line"),
    [
        ('[{"a": 1},\n {"a": 1, "b": {}, "a": 2}]', None, 2),
        ('{"note": {"a": 1},\n "rows": [{"a": 1},\n {"l": [1,\n {"k": 1, "k": 2}]}]}', "rows", 4),
        ('{"rows": [{"a": 1}],\n "doc": {"x": 1,\n "x": 2}}', "rows", 2),
        ('\n{"rows": [{"a": 1}], "rows": []}', "rows", 2),
    ],
)
def test_a_key_twice_in_a_document_is_an_error_with_the_line_of_its_object(read, data, rows, line):
    with pytest.raises(
        SourceError, match=rf'^f:{line}: the key "\w+" stands twice in the object that begins there'
    ):
        read(data, rows)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (r'{"a": "\ud800"}', "a: half a surrogate pair, which is no character"),
        (r'{"a": [{"b": "y\udfff"}]}', "a: half a surrogate pair, which is no character"),
        (r'{"a": {"\ud83d": 1}}', "a: half a surrogate pair, which is no character"),
    ],
)
def test_half_a_surrogate_pair_makes_its_row_unreadable_and_no_other(file, row, reason):
    lines = f'{{"a": "x"}}\n{row}\n{{"a": "\\ud83d\\ude00"}}\n'
    rows, unreadable = rows_of(read_jsonl(file(lines), FileSource(files="f", format="jsonl")))
    assert unreadable == {1: reason}
    assert [rows[0], rows[2]] == [{"a": "x"}, {"a": "😀"}]


def test_a_column_named_by_half_a_surrogate_pair_is_an_error(read):
    with pytest.raises(
        SourceError, match=r"^f: a key holds half a surrogate pair \('\\ud800'\), no character"
    ):
        read(r'[{"a\ud800": "x"}]')


def test_half_a_surrogate_pair_in_doc_is_an_error(read):
    with pytest.raises(SourceError, match=r"^f: doc.x\[\] holds half a surrogate pair"):
        read(r'{"rows": [{"a": 1}], "x": ["\ud83d"]}', "rows")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_numbers_that_nothing_holds_are_null_in_their_own_row(read, read_lines, number):
    rows = [{"a": [1], "t": "NaN"}, {"a": [None]}, {"a": None, "t": "x"}]
    assert read(f'[{{"a": [1], "t": "NaN"}}, {{"a": [{number}]}}, {{"a": {number}, "t": "x"}}]')[0] == rows
    assert read_lines(f'{{"a": [1], "t": "NaN"}}\n{{"a": [{number}]}}\n{{"a": {number}, "t": "x"}}\n') == rows


def test_numbers_that_json_lacks_are_null_in_the_rest_of_a_document(read):
    document = '{"url": [NaN, 1.5], "deep": {"x": -Infinity}, "rows": [{"a": "NaN"}]}'
    assert read(document, "rows") == ([{"a": "NaN"}], {"url": [None, 1.5], "deep": {"x": None}})


@pytest.mark.parametrize("batch", [1, 16_384])
def test_objects_without_a_key_are_rows(read_lines, monkeypatch, batch):
    monkeypatch.setattr(delimited, "BATCH_ROWS", batch)
    assert read_lines("{}\n{}\n") == [{}, {}]
    assert read_lines('{}\n{"a": 1}\n{}\n') == [{}, {"a": 1}, {}]


@pytest.mark.parametrize("data", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_a_document_nested_too_deeply_is_an_error_and_no_crash(read, data):
    with pytest.raises(SourceError, match=r"^f: JSON that is nested too deeply to read"):
        read(data)


@pytest.mark.parametrize("depth", [100, 500, 900])
def test_deep_values_are_read_or_refused_but_never_crash(read, depth):
    try:
        assert read('[{"a": ' + "[" * depth + "]" * depth + "}]")[0]
    except SourceError as error:
        assert "nested" in str(error)  # noqa: PT017 (either outcome is right)


NAME_IT = "not a list of rows. Name the list with `rows:`. Lists inside:"


@pytest.mark.parametrize(
    ("data", "rows", "message"),
    [
        ('{"a": 1', None, "f:1: not JSON: Expecting ',' delimiter at column 8"),
        ('[\n{"a": 1},\n]', None, "f:3: not JSON"),
        ("", None, "f:1: not JSON"),
        ('{"items": [], "b": 1}', None, f"f: an object, {NAME_IT} items."),
        ('"x"', None, "f: text, not a list of rows."),
        ('{"ab": []}', "aba", 'f: rows: no key "aba" in the document. Keys: ab. Did you mean "ab"?'),
        ('{"a": {"b": []}}', "a.c", 'f: rows: no key "c" in a. Keys: b.'),
        ('{"a": []}', "a.c", 'f: rows: no key "c" in a. It is a list.'),
        ('{"a": {"b": []}}', "a", f"f: rows: a is an object, {NAME_IT} b."),
        ('[{"a": 1}, 2]', None, "f: row 1 is a number, not an object"),
    ],
)  # fmt: skip
def test_documents_of_another_shape_say_what_is_there(read, data, rows, message):
    with pytest.raises(SourceError) as caught:
        read(data, rows)
    assert str(caught.value).startswith(message)


def test_json_lines_are_one_object_a_line(read_lines):
    data = '{"a": "x\u2028y"}\r\n\n  \n{"a": "z"}'
    assert read_lines(data) == [{"a": "x\u2028y"}, {"a": "z"}]


@pytest.mark.parametrize(
    ("data", "message"),
    [('{"a": 1}\n{"a": \n', "f:2: not JSON"), ('{"a": 1}\n\n[1]\n', "f:3: a list, not an object")],
)
def test_a_line_that_is_no_object_is_an_error_with_its_line(read_lines, data, message):
    with pytest.raises(SourceError, match=f"^{message}"):
        read_lines(data)
