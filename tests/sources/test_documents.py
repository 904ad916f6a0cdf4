import json

import pytest

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError
from flancollect.sources import documents
from flancollect.sources.decode import LocalFile
from flancollect.sources.documents import read_json, read_jsonl


@pytest.fixture
def file(tmp_path):
    def file(data):
        path = tmp_path / "f"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return LocalFile(name="f", path=path, sha256="", packing="", max_bytes=1 << 40)

    return file


@pytest.fixture
def read(file):
    """Read a document; gives its rows and its `doc`."""

    def read(data, rows=None):
        source = FileSource(files="f", format="json", rows=rows)
        table, doc = read_json(file(data), source)
        return table.to_pylist(), doc

    return read


@pytest.fixture
def read_lines(file):
    return lambda data: read_jsonl(file(data), FileSource(files="f", format="jsonl"))


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


def test_a_column_missing_in_some_rows_is_null(read):
    assert read('[{"a": 1}, {"b": "x"}]')[0] == [{"a": 1, "b": None}, {"a": None, "b": "x"}]


def test_types_are_inferred_over_all_batches(read, monkeypatch):
    monkeypatch.setattr(documents, "BATCH_ROWS", 1)
    rows = [{"a": None, "l": []}, {"a": "x", "l": ["y"]}, {"b": {"c": 1}}, {"b": {"d": [1.5]}}]
    assert read(json.dumps(rows))[0] == [
        {"a": None, "l": [], "b": None},
        {"a": "x", "l": ["y"], "b": None},
        {"a": None, "l": None, "b": {"c": 1, "d": None}},
        {"a": None, "l": None, "b": {"c": None, "d": [1.5]}},
    ]


@pytest.mark.parametrize("batch", [1, 16_384])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1, 2, "x"], "f: row 2: a is text, but in row 0 it is a number"),
        ([None, True, 1], "f: row 2: a is a number, but in row 1 it is true or false"),
        (["x", ["x"]], "f: row 1: a is a list, but in row 0 it is text"),
        ([["x"], [{"b": 1}]], r"f: row 1: a\[\] is an object, but in row 0 it is text"),
        ([{"b": {"c": "x"}}, {"b": {"c": 1}}], "f: row 1: a.b.c is a number, but in row 0 it is text"),
        ([["x", 1]], r"f: row 0: a\[\] is a number, but in row 0 it is text"),
        ([1, 2**70], "f: row 1: a is a number beyond 64 bits, but in row 0 it is a number"),
        ([2**70], "f: values that no table column holds"),
    ],
)
def test_mixed_types_name_column_row_and_both_types(read, read_lines, monkeypatch, batch, values, message):
    monkeypatch.setattr(documents, "BATCH_ROWS", batch)
    rows = [{"a": value} for value in values]
    with pytest.raises(SourceError, match=f"^{message}"):
        read(json.dumps(rows))
    with pytest.raises(SourceError, match=f"^{message}"):
        read_lines("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (r'[{"a": "x"}, {"a": "\ud800"}]', r"f: row 1: a holds half a surrogate pair \(\\ud800\)"),
        (r'[{"a": [{"b": "y\udfff"}]}]', r"f: row 0: a\[\].b holds half a surrogate pair \(\\udfff\)"),
        (r'[{"a\ud800": "x"}]', r"f: row 0: a\\ud800 holds half a surrogate pair"),
    ],
)
def test_half_a_surrogate_pair_is_an_error_with_its_row(read, data, message):
    with pytest.raises(SourceError, match=f"^{message}"):
        read(data)


def test_half_a_surrogate_pair_in_doc_is_an_error(read):
    with pytest.raises(SourceError, match=r"^f: doc.x\[\] holds half a surrogate pair"):
        read(r'{"rows": [{"a": 1}], "x": ["\ud83d"]}', "rows")


def test_a_whole_surrogate_pair_is_its_character(read):
    assert read(r'[{"a": "\ud83d\ude00"}]')[0] == [{"a": "😀"}]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_lacks_are_refused_in_rows(read, read_lines, number):
    with pytest.raises(SourceError, match=r"f: row 1: a\[\] is (nan|-?inf), which is no JSON value"):
        read(f'[{{"a": [1]}}, {{"a": [{number}]}}]')
    with pytest.raises(SourceError, match=r"f:2: a\[\] is (nan|-?inf), which is no JSON value"):
        read_lines(f'{{"a": [1]}}\n{{"a": [{number}]}}\n')


def test_numbers_that_json_lacks_are_null_in_the_rest_of_a_document(read):
    document = '{"url": [NaN, 1.5], "deep": {"x": -Infinity}, "rows": [{"a": "NaN"}]}'
    assert read(document, "rows") == ([{"a": "NaN"}], {"url": [None, 1.5], "deep": {"x": None}})


@pytest.mark.parametrize("number", ["1e999", "9" * 5000])
def test_numbers_too_large_are_refused(read, number):
    with pytest.raises(SourceError, match=r"^f: not strict JSON: "):
        read(f'[{{"a": {number}}}]')


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
    assert read_lines(data).to_pylist() == [{"a": "x\u2028y"}, {"a": "z"}]


@pytest.mark.parametrize(
    ("data", "message"),
    [('{"a": 1}\n{"a": \n', "f:2: not JSON"), ('{"a": 1}\n\n[1]\n', "f:3: a list, not an object")],
)
def test_a_line_that_is_no_object_is_an_error_with_its_line(read_lines, data, message):
    with pytest.raises(SourceError, match=f"^{message}"):
        read_lines(data)
