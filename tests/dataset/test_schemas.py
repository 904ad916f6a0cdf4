import pyarrow as pa
import pytest

from flancollect.dataset.schemas import (
    BENCHMARK,
    MIXTURE,
    NULLABLE,
    QUESTION,
    RENDERED,
    check_rows,
    check_schema,
    columns_of,
    rendered_schema,
    schema_of,
)
from flancollect.errors import FlancollectError
from tests.builds import rendered_rows


def with_column(name, values):
    rows = rendered_rows("rte", "fs_opt", 3)
    return rows.set_column(rows.schema.get_field_index(name), name, values)


def test_mixture_is_rendered_without_order():
    assert columns_of(RENDERED) == {"order": "uint64"} | columns_of(MIXTURE)
    assert rendered_schema(MIXTURE) == RENDERED


def test_a_benchmark_is_a_mixture_with_questions():
    assert schema_of("mixture") is schema_of("tasks") is MIXTURE
    assert schema_of("benchmark") is BENCHMARK
    assert BENCHMARK.names == [*MIXTURE.names, "question"]
    assert pa.schema(list(BENCHMARK)[:-1]) == MIXTURE
    assert rendered_schema(BENCHMARK).names == ["order", *BENCHMARK.names]


def test_no_part_of_a_question_may_be_null():
    assert not {f"question.{field.name}" for field in QUESTION} & NULLABLE


def test_rows_of_the_schema_pass():
    rows = rendered_rows("rte", "zs_noopt", 3)
    check_rows(rows, RENDERED)
    check_rows(rows.to_batches()[0], RENDERED)


def test_every_difference_of_columns_is_named():
    rows = (
        with_column("targets", pa.array([1, 2, 3]))
        .drop_columns(["inputs"])
        .append_column("extra", pa.array([1, 2, 3]))
    )
    with pytest.raises(FlancollectError) as caught:
        check_schema(rows, RENDERED)
    for problem in (
        "no column inputs (string)",
        "unknown column extra (int64)",
        "column targets is int64, not string",
    ):
        assert problem in str(caught.value)


def test_columns_in_another_order_are_refused():
    rows = rendered_rows("rte", "zs_opt", 1)
    with pytest.raises(FlancollectError, match="columns stand as"):
        check_schema(rows.select(rows.column_names[::-1]), RENDERED)


def test_a_null_text_is_refused():
    with pytest.raises(FlancollectError, match="needs a value: targets"):
        check_rows(with_column("targets", pa.array(["a", None, "b"])), RENDERED)


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("answer", None, "provenance.answer"),
        ("exemplars", None, "provenance.exemplars"),
        ("options", ["yes", None], r"provenance.options\[\]"),
    ],
)
def test_a_null_inside_provenance_is_refused(field, value, path):
    provenance = rendered_rows("rte", "fs_opt", 3)["provenance"].to_pylist()
    provenance[1][field] = value
    rows = with_column("provenance", pa.array(provenance, RENDERED.field("provenance").type))
    with pytest.raises(FlancollectError, match=path):
        check_rows(rows, RENDERED)
