import pyarrow as pa
import pytest

from flancollect.cards.source_card import FileSource
from flancollect.errors import SourceError
from flancollect.sources import delimited
from flancollect.sources.decode import LocalFile
from flancollect.sources.delimited import read_delimited, read_text


@pytest.fixture
def read(tmp_path):
    def read(data, reader=read_delimited, **source):
        path = tmp_path / "f"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        file = LocalFile(name="f", path=path, sha256="", packing="", max_bytes=1 << 40)
        tables = reader(file, FileSource.model_validate({"files": "f", "format": "csv", **source}))
        return pa.concat_tables(tables).to_pydict()

    return read


def test_values_arrive_as_text_and_are_never_guessed(read):
    data = "a,b\n007,1.50\n,NULL\ntrue,NA\n 2020-01-01 ,1e5\n"
    assert read(data) == {"a": ["007", "", "true", " 2020-01-01 "], "b": ["1.50", "NULL", "NA", "1e5"]}


def test_quoted_values_keep_newlines_delimiters_and_doubled_quotes(read):
    assert read('a,b\r\n"x\r\ny, ""z""\n",2\r\n') == {"a": ['x\r\ny, "z"\n'], "b": ["2"]}


def test_emoji_marks_and_braces_pass_unchanged(read):
    text = "👩‍👩‍👧 \u200fשלום\u202e {{ x }} {% y %} {# z #} \u2028"
    assert read(f"a\n{text}\n") == {"a": [text]}


def test_headerless_files_are_named_by_the_card(read):
    assert read("1\tx\n2\ty", format="tsv", columns=["id", "text"]) == {"id": ["1", "2"], "text": ["x", "y"]}


def test_quotes_are_plain_characters_without_quoting(read):
    data = 'a\tb\n"odd\tit""s\n"\t"\r\n'
    assert read(data, format="tsv", quoting="none") == {"a": ['"odd', '"'], "b": ['it""s', '"']}


def test_a_byte_order_mark_is_not_part_of_the_first_name(read):
    assert read(b"\xef\xbb\xbfa,b\n1,2\n") == {"a": ["1"], "b": ["2"]}


def test_a_quoted_first_name_after_a_byte_order_mark_is_unquoted(read):
    assert read(b'\xef\xbb\xbf"a",b\n1,2\n') == {"a": ["1"], "b": ["2"]}


@pytest.mark.parametrize("quoting", ["csv", "none"])
@pytest.mark.parametrize(("row", "values"), [("1", 1), ("1,2,3", 3)])
def test_a_ragged_row_is_an_error_with_its_line(read, quoting, row, values):
    with pytest.raises(SourceError, match=rf"^f:4: {values} values for 2 columns \(a, b\)\. Mend the file"):
        read(f"a,b\n1,2\n\n{row}\n", quoting=quoting)


def test_lines_are_counted_through_quoted_newlines(read):
    with pytest.raises(SourceError, match=r"^f:4: 1 values for 2 columns"):
        read('a,b\n"1\n2",3\n4\n')


def test_a_column_name_that_stands_twice_is_an_error(read):
    with pytest.raises(SourceError, match=r'^f: two columns are named "a" \(a, b, a\)\. .*`columns: '):
        read("a,b,a\n1,2,3\n")


@pytest.mark.parametrize("data", ['a\n"open\n', 'a\n"x"y\n'])
def test_an_odd_quote_is_an_error_that_names_the_way_out(read, data):
    with pytest.raises(SourceError, match=r"^f:2: .* write `quoting: none`"):
        read(data)


def test_a_bare_carriage_return_is_an_error_with_its_line(read):
    with pytest.raises(SourceError, match=r"^f:2: a carriage return alone, .*write line ends as"):
        read("a\nx\ry\n")


def test_a_file_without_a_line_has_neither_columns_nor_rows(read):
    assert read("") == {}
    assert read("\n\n") == {}


@pytest.mark.parametrize(
    ("format_", "quoting"), [("csv", "csv"), ("csv", "none"), ("tsv", "csv"), ("tsv", "none")]
)
def test_an_empty_line_is_a_row_where_there_is_one_column(read, format_, quoting):
    data = "\nq\nfirst\n\nthird\r\n\r\n"
    assert read(data, format=format_, quoting=quoting) == {"q": ["first", "", "third", ""]}
    assert read("x\n\ny", format=format_, quoting=quoting, columns=["q"]) == {"q": ["x", "", "y"]}


def test_an_empty_line_between_rows_of_several_values_is_none(read):
    assert read("\na,b\n\n1,2\n\r\n3,4\n\n") == {"a": ["1", "3"], "b": ["2", "4"]}


def test_long_values_are_read(read):
    assert read("a\n" + "x" * 300_000 + "\n") == {"a": ["x" * 300_000]}


def test_batches_join_to_the_same_rows(read, monkeypatch):
    monkeypatch.setattr(delimited, "BATCH_ROWS", 3)
    assert read("a\n" + "".join(f"{i}\n" for i in range(10))) == {"a": [str(i) for i in range(10)]}


@pytest.mark.parametrize("reader", [read_delimited, read_text])
def test_tables_end_where_their_text_is_large(read, monkeypatch, reader, tmp_path):
    monkeypatch.setattr(delimited, "BATCH_CHARS", 5)
    path = tmp_path / "f"
    path.write_text("aaaa\nbb\ncccccccc\nd\n")
    file = LocalFile(name="f", path=path, sha256="", packing="", max_bytes=100)
    format_ = "text" if reader is read_text else "csv"
    tables = reader(file, FileSource(files="f", format=format_, columns=["t"]))
    assert [table["t"].to_pylist() for table in tables] == [[], ["aaaa", "bb"], ["cccccccc"], ["d"]]


def test_text_is_one_row_a_line_in_one_column(read):
    assert read("a,b\n\n c \r\n", read_text, format="text") == {"text": ["a,b", "", " c "]}
    assert read("x\n", read_text, format="text", columns=["line"]) == {"line": ["x"]}


def test_text_with_two_columns_is_refused(read):
    with pytest.raises(SourceError, match="text has one column, but `columns` names 2: a, b"):
        read("x\n", read_text, format="text", columns=["a", "b"])
