import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.dataset import row_codec
from flancollect.dataset.arrow_layout import tidy_batch
from flancollect.dataset.row_codec import Block, Decoder, concat, encode, gather, part, row_layout, take
from flancollect.dataset.schemas import BENCHMARK, MIXTURE, rendered_schema
from flancollect.errors import FlancollectError
from tests.builds import question_rows, rendered_rows

ROWS = rendered_rows("rte", "fs_opt", 20).to_batches()[0]
QUESTIONS = question_rows("mmlu", "fs_opt", 20).to_batches()[0]

text = st.text(max_size=6)
provenance = st.fixed_dictionaries(
    {
        "split": text,
        "source_row": st.integers(0, 2**62),
        "repeat": st.integers(0, 2**30),
        "option_style": st.none() | text,
        "shot_style": st.none() | text,
        "dialog_style": st.none() | text,
        "cut_bytes": st.integers(0, 2**31 - 1),
        "exemplar_source": st.none() | text,
        "exemplars": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
        "exemplar_templates": st.lists(text, max_size=4),
        "options": st.lists(text, max_size=4),
        "answer": text,
    }
)
texts = st.lists(text, max_size=4)
question = st.fixed_dictionaries(
    {
        "id": text,
        "choices": texts,
        "labels": texts,
        "answer": st.integers(-(2**31), 2**31 - 1),
        "accepted": texts,
        "metric": text,
        "cluster": text,
        "languages": texts,
        "subject": text,
        "prompt_sha256": text,
    }
)
columns = {
    "order": st.integers(0, 2**64 - 1),
    **{field.name: text for field in MIXTURE if field.type == pa.string()},
    "provenance": provenance,
}
mixture_row = st.fixed_dictionaries(columns)
benchmark_row = st.fixed_dictionaries({**columns, "question": question})


def lists(**sizes):
    """Rows of a mixture, or of a benchmark."""
    return st.lists(mixture_row, **sizes) | st.lists(benchmark_row, **sizes)


def schema_of_rows(rows):
    return BENCHMARK if rows and "question" in rows[0] else MIXTURE


def batch_of(rows):
    return pa.RecordBatch.from_pylist(rows, schema=rendered_schema(schema_of_rows(rows)))


def decoded(block: Block):
    return Decoder(block).rows(np.arange(block.rows))


def buffers(batch):
    return [buffer and buffer.to_pybytes() for column in batch.columns for buffer in column.buffers()]


@given(lists(max_size=8))
def test_rows_come_back_as_they_were(rows):
    batch = batch_of(rows)
    block = encode(batch)
    assert block.order.tolist() == [row["order"] for row in rows]
    assert decoded(block).to_pylist() == batch.select(batch.schema.names[1:]).to_pylist()


@given(lists(max_size=8))
def test_what_comes_back_is_laid_out_in_the_one_way(rows):
    again = decoded(encode(batch_of(rows)))
    assert buffers(again) == buffers(tidy_batch(again))


@given(lists(min_size=1, max_size=8), st.data())
def test_rows_are_taken_by_number_in_any_order(rows, data):
    index = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10))
    numbers = np.array(index, dtype=np.int64)
    expected = [{name: rows[i][name] for name in schema_of_rows(rows).names} for i in index]
    block = encode(batch_of(rows))
    assert Decoder(block).rows(numbers).to_pylist() == expected
    assert decoded(take(block, numbers)).to_pylist() == expected
    cut = data.draw(st.integers(0, len(rows)))
    blocks = [part(block, 0, cut), part(block, cut, len(rows))]
    assert decoded(gather(blocks, numbers)).to_pylist() == expected
    assert gather(blocks, numbers).order.tolist() == [rows[i]["order"] for i in index]


@given(lists(max_size=8), st.data())
def test_parts_put_together_are_the_whole(rows, data):
    block = encode(batch_of(rows))
    cut = data.draw(st.integers(0, len(rows)))
    whole = concat([part(block, 0, cut), part(block, cut, len(rows))])
    assert whole.order.tobytes() == block.order.tobytes()
    assert whole.entries.tobytes() == block.entries.tobytes()
    assert whole.payload.tobytes() == block.payload.tobytes()


@pytest.mark.parametrize(("schema", "batch"), [(MIXTURE, ROWS), (BENCHMARK, QUESTIONS)])
def test_every_column_comes_alone(schema, batch):
    leaves = row_layout(schema).leaves
    expected = pa.table(batch).flatten().rename_columns(["order", *leaves])
    decoder = Decoder(encode(batch))
    for name in leaves:
        assert decoder.column(name, np.arange(20)).to_pylist() == expected[name].to_pylist()


def test_the_example_of_the_module_is_true():
    (first, second), layout = ROWS.to_pylist()[:2], row_layout(MIXTURE)
    first["inputs"], first["provenance"]["options"] = "ab", ["x", "yz"]
    second["inputs"], second["provenance"]["options"] = "c", []
    block = encode(batch_of([first, second]))
    options = layout.cells.index("provenance.options")
    cells = [layout.cells.index("inputs"), options, options + 1]
    assert block.entries["lengths"][:, cells].tolist() == [[2, 8, 3], [1, 0, 0]]
    assert np.int32([1, 2]).tobytes() + b"xyz" in block.payload.tobytes()


def test_blocks_of_one_schema_share_a_layout():
    assert encode(ROWS).layout is encode(ROWS.slice(3)).layout is row_layout(MIXTURE)
    assert encode(QUESTIONS).layout is row_layout(pa.schema(list(BENCHMARK)))


def test_offsets_say_where_rows_begin_and_the_last_one_ends():
    block = encode(ROWS)
    offsets = block.offsets()
    assert len(offsets) == 21
    assert offsets[-1] == len(block.payload)
    assert part(block, 4, 5).payload.tobytes() == block.payload[offsets[4] : offsets[5]].tobytes()


def test_a_slice_of_a_batch_is_only_its_rows():
    assert decoded(encode(ROWS.slice(5, 3))).to_pylist() == ROWS.slice(5, 3).select(MIXTURE.names).to_pylist()


def test_another_schema_is_refused():
    with pytest.raises(FlancollectError, match="no column order"):
        encode(ROWS.select(MIXTURE.names))
    with pytest.raises(FlancollectError, match="column question is string, not struct"):
        encode(ROWS.append_column("question", ROWS["inputs"]))


def test_a_null_where_every_row_needs_a_value_is_refused():
    rows = ROWS.to_pylist()
    rows[3]["targets"] = None
    with pytest.raises(FlancollectError, match="needs a value: targets"):
        encode(batch_of(rows))
    rows = QUESTIONS.to_pylist()
    rows[5]["question"]["subject"] = None
    with pytest.raises(FlancollectError, match=r"needs a value: question\.subject"):
        encode(batch_of(rows))


def test_more_text_than_one_array_can_hold_is_an_error_and_no_other_text(monkeypatch):
    monkeypatch.setattr(row_codec, "MOST_TEXT_BYTES", 100)
    with pytest.raises(FlancollectError, match="bytes of text in one batch, where 100 can be"):
        Decoder(encode(ROWS)).rows(np.arange(20))
