"""Every mistake gets a message that says where and what, the right exit code, and leaves nothing behind."""

import os
from pathlib import Path

import pytest

from tests.small import built, command, request

FAMILY = """\
family: echo
needs: {text: text}
example: {text: here, answer: there}
forward:
  say:
    input: "{{ text }}"
    target: "{{ answer }}"
"""
CARD = """\
task: echoes
submix: mine
source: {files: echoes.csv, format: csv}
splits: {train: train}
family: echo
fields: {text: said}
answer: {text: heard}
license: cc0-1.0
languages: en
cluster: echoes
"""
STYLES = """\
options: {plain: {item: "{{ text }}", between: " or "}}
shots: {plain: {exemplar: "{{ input }} {{ target }}", query: "{{ input }}"}}
"""
ROWS = "said,heard\nhey,ey\nho,o\nhi,i\n"


@pytest.fixture
def mine(tmp_path):
    """A catalogue of one family, one card and one source of three rows."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "echo.yaml").write_text(FAMILY)
    (folder / "card.yaml").write_text(CARD)
    (folder / "echoes.csv").write_text(ROWS)
    (folder / "_styles.yaml").write_text(STYLES)
    return folder


def edit(path, old, new):
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {path.name}"
    path.write_text(text.replace(old, new))


def fails(mine, code, *said, name="echoes", more=()):
    """`build` exits with a code, says all of `said`, and makes no folder."""
    out = mine.parent / "out"
    ran = command("build", name, "--out", out, *more, catalogue=mine)
    assert ran.code == code, ran.err
    for text in said:
        assert text in ran.err, f"{text!r} is not in:\n{ran.err}"
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert not out.exists()
    return ran


def test_without_a_mistake_it_builds(mine):
    ran = command("build", "echoes", "--out", mine.parent / "out", catalogue=mine)
    assert (ran.code, ran.err.splitlines()[-1]) == (0, "tasks: 1/1")
    assert "echoes: 6 rows" in ran.out


# --- cards -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("family: echo", "famly: echo", 5, 'unknown key "famly". Keys here: task, '),
        ("family: echo", "famly: echo", 5, 'Did you mean "family"?'),
        ("family: echo", "family: ecko", 5, 'no family "ecko". Families: echo. Did you mean "echo"?'),
        ("license: cc0-1.0", "license: cc0-1.0\nlicense: mit", 9, "license"),
        ("{text: heard}", "{text: heard, options: heard}", 7, "exactly one of the keys"),
        ("{text: heard}", "{text: heard, allso: heard}", 7, 'Did you mean "also"?'),
        ("fields: {text: said}", "fields: {text: said |}", 6, "fields.text: "),
        ("fields: {text: said}", "fields: {text: said, tone: said}", 6, "fields.tone"),
        ("fields: {text: said}", "fields: {}", 6, 'needs "text"'),
        ("fields: {text: said}", "fields: {text: said | shout}", 6, "shout"),
        ("fields: {text: said}", "fields: {text: said.__class__}", 6, '"__class__" belongs to Python'),
        ("{train: train}", '{train: "train[1:2:3]"}', 4, '"train[1:2:3]" is not a split; write train, '),
        ("{train: train}", "{training: train}", 4, "splits.training"),
        ("format: csv", "format: xls", 3, "source.format: Input should be 'parquet', 'json'"),
        ("files: echoes.csv, ", "", 3, "exactly one of the keys: hub, files, synthetic"),
        ("license: cc0-1.0\n", "", 1, 'missing key "license"'),
        ("task: echoes", "task: [echoes", 2, "not valid YAML"),
        ("task: echoes", "task: a/../b", 1, "task"),
        ("task: echoes", "\ttask: echoes", 1, "a tab"),
        ("task: echoes", "expand: {over: none.csv}\ntask: echoes", 1, 'no file "none.csv" beside the card'),
        ("task: echoes", "expand: {over: ../e.csv}\ntask: echoes", 1, "leaves the card's folder"),
        ("task: echoes", "expand: {under: e.csv}\ntask: echoes", 1, "write `expand: {over: index.csv}`"),
    ],
)
def test_a_mistake_in_a_card(mine, old, new, line, said):
    edit(mine / "card.yaml", old, new)
    fails(mine, 3, f"{mine}/card.yaml:{line}  ", said)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (
            'input: "{{ text }}"',
            'input: "{{ txt }}"',
            6,
            'no variable "txt". Variables: text, answer, choices',
        ),
        ('input: "{{ text }}"', 'input: "{{ text }"', 6, "forward.say.input: "),
        ('input: "{{ text }}"', 'input: "{% for %}"', 6, "forward.say.input: "),
        ('input: "{{ text }}"', 'input: "{{ options }}"', 6, 'no variable "options"'),
        ('input: "{{ text }}"', "input: \"{% include 'x' %}\"", 6, "forward.say.input"),
        ("needs: {text: text}", "needs: {text: words}", 2, "needs.text"),
        ("needs: {text: text}", "needs: {text: text, answer: text}", 2, "the name is taken"),
        ("{text: here, ", "{", 3, 'the example lacks "text"'),
        ("forward:", "fourward:", 4, 'unknown key "fourward"'),
        ("family: echo", "family: echo\nextends: ekko", 2, 'no family "ekko"'),
        ("  say:", "  say:\n    hold_out: maybe", 6, "forward.say.hold_out"),
    ],
)
def test_a_mistake_in_a_family(mine, old, new, line, said):
    edit(mine / "echo.yaml", old, new)
    fails(mine, 3, f"{mine}/echo.yaml:{line}  ", said)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        (
            "{% for i in range(99999) %}{% for j in range(99999) %}{{ text }}{% endfor %}{% endfor %}",
            "loop steps",
        ),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "forward.say"),
        ("{{ text * 999999999 }}", "a text longer than"),
        ("{{ text.__class__ }}", "__class__"),
        ("{{ text.__class__.__mro__ }}", "__class__"),
        ("{{ ''['__class__'] }}", "__class__"),
        ("{{ text | attr('__class__') }}", "__class__"),
        ("{{ text / 2 }}", "forward.say"),
        ("{{ '' }}", "comes out empty"),
    ],
)
def test_a_template_that_runs_wild_is_found_before_anything_is_written(mine, template, said):
    edit(mine / "echo.yaml", 'input: "{{ text }}"', f'input: "{template}"')
    fails(mine, 3, f"{mine}/echo.yaml:", said)


def test_a_template_that_fails_on_a_real_row_skips_its_task_with_the_place(mine):
    edit(mine / "echo.yaml", 'input: "{{ text }}"', 'input: "{{ text }}{{ 1 // (text | length - 2) }}"')
    ran = command("build", "echoes", "--out", mine.parent / "out", catalogue=mine)
    assert ran.code == 3
    assert f"echoes: {mine}/echo.yaml:5  forward.say: " in ran.err
    assert "ZeroDivisionError" in ran.err
    assert [path.name for path in (mine.parent / "out").iterdir()] == [".work"]


def test_words_stay_words(mine):
    """YAML 1.1 reads `[no, yes]` as two booleans."""
    edit(mine / "echo.yaml", "needs: {text: text}", "needs: {text: text}\noptions: closed")
    edit(mine / "echo.yaml", "answer: there}", "answer: no, options: [no, yes]}")
    edit(mine / "echo.yaml", '"{{ text }}"', '"{{ text }}{{ options | line }}"')
    edit(mine / "card.yaml", "{text: heard}", "{choices: [no, yes], index: 1 if heard == 'o' else 0}")
    ran = command("preview", "echoes", "-n", 3, "--variant", "zs_opt", "--json", catalogue=mine)
    assert ran.code == 0, ran.err
    assert '"inputs": "hey\\nno or yes"' in ran.out
    assert '"targets": "yes"' in ran.out


def test_all_mistakes_are_told_at_once_sorted_by_place(mine):
    edit(mine / "card.yaml", "license: cc0-1.0", "licence: cc0-1.0")
    edit(mine / "echo.yaml", '"{{ text }}"', '"{{ txt }}"')
    (mine / "mixture.yaml").write_text("mixture: m\nsize: many\nparts: {mine: {}}\n")
    ran = fails(mine, 3)
    places = [line.partition("  ")[0].removeprefix("error: ") for line in ran.err.splitlines()]
    assert places == [
        f"{mine}/{at}" for at in ("card.yaml:1", "card.yaml:8", "echo.yaml:6", "mixture.yaml:2")
    ]


def test_two_cards_of_one_name(mine):
    (mine / "other.yaml").write_text(CARD)
    fails(mine, 3, f'{mine}/other.yaml:1  task: "echoes" exists already at {mine}/card.yaml:1; rename one')


def test_two_families_of_one_name(mine):
    (mine / "other.yaml").write_text(FAMILY)
    fails(mine, 3, f'{mine}/other.yaml:1  family "echo" exists already at {mine}/echo.yaml:1; rename one')


def test_a_file_that_is_no_card(mine):
    (mine / "notes.yaml").write_text("title: notes\n")
    fails(mine, 3, f"{mine}/notes.yaml:1  not a card", "Keys here: title")


# --- expansion ---------------------------------------------------------------------------------------------


def expanded(mine, index):
    edit(mine / "card.yaml", "task: echoes", 'expand: {over: index.csv}\ntask: "echo_{{ kind }}"')
    (mine / "index.csv").write_bytes(index.encode() if isinstance(index, str) else index)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("kind,size\na,1\nb\nc,2,3\n", "index.csv:3  1 cells where the header has 2"),
        ("kind,size\na,1\nb\nc,2,3\n", "index.csv:4  3 cells where the header has 2"),
        ("kind,kind\na,b\n", 'index.csv:1  column "kind" appears twice'),
        ("kind\n", "index.csv:1  the file has no rows"),
        ("", "index.csv:1  the file has no rows"),
        ("sort\na\n", 'task: no index column "kind". Columns: sort.'),
        ('kind\n"a\n', "index.csv  not a UTF-8 CSV file"),
        (b"kind\n\xff\n", "index.csv  not a UTF-8 CSV file"),
        ("kind\na\na\n", '"echo_a" exists already'),
    ],
)
def test_a_mistake_in_an_index(mine, index, said):
    expanded(mine, index)
    fails(mine, 3, said, name="echo_*")


def test_expansion_over_templates_makes_a_task_of_each_template(mine):
    edit(mine / "card.yaml", "task: echoes", 'expand: {over: templates}\ntask: "echo_{{ template }}"')
    more = '  shout:\n    input: "{{ text | upper }}"\n    target: "{{ answer }}"\n'
    (mine / "echo.yaml").write_text(FAMILY + more)
    ran = command("cards", "list", catalogue=mine)
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == ["echo_say", "echo_shout"]
    shown = command("preview", "echo_shout", "-n", 1, "--variant", "zs_opt", catalogue=mine)
    assert shown.out.splitlines()[1].isupper()


# --- mixtures and names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("size: 5\nparts: {p: {select: {tasks: [nothing*]}}}", 3, 'no task matches "nothing*"'),
        (
            "size: 5\nparts: {mime: {}}",
            3,
            'no task has the submix "mime". Submixes: mine. Did you mean "mine"?',
        ),
        (
            "size: 5\nparts: {p: {select: {submix: mine, clusters: [x]}}}",
            3,
            "no task matches all of its keys",
        ),
        ("size: 5\nparts: {mine: {}, p: {select: {tasks: [echoes]}}}", 3, 'is in part "mine" already'),
        ("size: 5\nhold_out: [tests]\nparts: {mine: {}}", 3, 'no benchmark "tests"'),
        ("size: 5\nparts: {mine: {variants: {zs: 1}}}", 3, "parts.mine.variants"),
        ("size: 5\nparts: {mine: {variants: {}}}", 3, "parts.mine.variants"),
        ("size: 5\nparts: {mine: {weight: -1}}", 3, "parts.mine.weight"),
        ("size: 5\nparts: {mine: {weight: nan}}", 3, "parts.mine.weight"),
        ("size: 5\nparts: {mine: {weight: inf}}", 3, "parts.mine.weight"),
        ("size: 0\nparts: {mine: {}}", 2, "size"),
        ("size: 5\nparts: {}", 3, "parts"),
        ("size: 5\nshots: {min: 4, max: 2}\nparts: {mine: {}}", 3, "min (4) is above max (2)"),
        ("size: 5\nstyles: {shots: []}\nparts: {mine: {}}", 3, "styles.shots"),
        ("size: 5\nstyles: {options: [dots]}\nparts: {mine: {}}", 3, 'no options style "dots"'),
    ],
)
def test_a_mistake_in_a_mixture(mine, body, line, said):
    (mine / "mixture.yaml").write_text(f"mixture: m\n{body}\n")
    fails(mine, 3, f"{mine}/mixture.yaml:{line}  ", said, name="m")


def test_a_name_that_nothing_has(mine):
    fails(mine, 2, 'no mixture, benchmark, submix or task "echos".', 'Did you mean "echoes"?', name="echos")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("preview", "echoes", "--variant", "zs"), 'no variant "zs". Variants: zs_opt, '),
        (
            ("preview", "echoes", "--variant", "zs_opt_inv"),
            "family echo has no template for any variant asked for",
        ),
        (("preview", "echoes", "-n", "0"), "-n"),
        (
            ("cards", "show", "echos"),
            'no task or family "echos". Tasks: echoes, echo. Did you mean "echoes"?',
        ),
        (("cards", "list", "--submix", "mime"), 'no submix "mime". Submixes: mine. Did you mean "mine"?'),
        (("lock", "echos"), "no task matches echos."),
        (("plan", "echoes", "--rows", "0"), "--rows"),
        (("plan", "echoes", "--lock", "nowhere.json"), "nowhere.json: cannot be read"),
        (("build", "echoes"), "--out"),
        (("bild", "echoes"), "bild"),
    ],
)
def test_a_wrong_argument_is_a_usage_error(mine, arguments, said):
    ran = command(*arguments, catalogue=mine)
    assert ran.code == 2, ran.err
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_a_catalogue_that_is_not_there(tmp_path):
    ran = command("cards", "check", catalogue=tmp_path / "nowhere")
    assert ran.code == 2
    assert f"--catalog {tmp_path}/nowhere: no such folder" in ran.err


def test_two_catalogues_of_one_name_are_refused(mine, tmp_path):
    other = tmp_path / "other" / "mine"
    other.mkdir(parents=True)
    fails(mine, 2, f"--catalog {mine}: named as {other} is", more=("--catalog", other))


# --- sources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (b"said,heard\nhey,ey\nho\n", "echoes.csv:3: 1 values for 2 columns (said, heard)"),
        (b"said,heard\nhey,ey,y\n", "echoes.csv:2: 3 values for 2 columns"),
        (b"said,heard\nh\xe9,e\n", "echoes.csv:2: byte 0xe9 at offset 12 is not utf-8"),
        (b"said,heard\nh\xe9,e\n", "for example `encoding: latin-1`"),
        (b"", "echoes.csv: has no rows"),
        (b"said,heard\n", "echoes.csv: has no rows"),
        (b'said,heard\n"hey,ey\n', "echoes.csv:"),
        (b"said,said\nhey,ey\n", 'two columns are named "said"'),
    ],
)
def test_a_source_that_is_not_what_the_card_says(mine, rows, said):
    (mine / "echoes.csv").write_bytes(rows)
    fails(mine, 4, "echoes: ", said)


def test_a_missing_column_is_told_with_those_that_exist(mine):
    edit(mine / "card.yaml", "{text: said}", "{text: sayd}")
    where = f'echoes: {mine}/card.yaml:6  fields.text: no column "sayd"'
    fails(mine, 3, where, 'Columns: said, heard. Did you mean "said"?')


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("said | attr('__class__')", "__class__"),
        ("said * 99999999", "a text longer than"),
        ("said / 2", "TypeError"),
        ("said | int", "not a number: 'hi'"),
        ("said | length", "int where the family needs text; write `| string`"),
    ],
)
def test_an_expression_that_fails_on_every_row_is_told_with_its_place(mine, expression, said):
    edit(mine / "card.yaml", "{text: said}", f'{{text: "{expression}"}}')
    ran = command("build", "echoes", "--out", mine.parent / "out", catalogue=mine)
    assert ran.code in {3, 4}, "a card that fits no row, or a source of which no row fits"
    assert "none of 3 rows is usable (" in ran.err
    assert "fields.text: " in ran.err
    assert said in ran.err
    assert not (mine.parent / "out" / "manifest.json").exists()


def test_a_split_that_the_source_has_not(mine):
    edit(mine / "card.yaml", "{train: train}", "{train: training}")
    fails(mine, 3, f'{mine}/card.yaml:4  splits.train: no split "training"', "Splits: train.")


def test_a_slice_without_rows(mine):
    edit(mine / "card.yaml", "{train: train}", '{train: "train[3:]"}')
    fails(mine, 4, "the split train[3:] has no rows")


def test_a_missing_file_is_told_with_those_beside_it(mine):
    edit(mine / "card.yaml", "echoes.csv", "echos.csv")
    fails(mine, 4, "echos.csv: no such file", 'Did you mean "echoes.csv"?')


@pytest.mark.parametrize(
    "path", ["../echoes.csv", "/etc/passwd", "link.csv", "a/../../x.csv", "file:///etc/passwd"]
)
def test_a_path_outside_the_catalogue(mine, path):
    (mine.parent / "echoes.csv").write_text(ROWS)
    (mine / "link.csv").symlink_to(mine.parent / "echoes.csv")
    edit(mine / "card.yaml", "files: echoes.csv", f'files: "{path}"')
    fails(mine, 4, f"path leaves the catalogue: {path}")


def test_a_card_by_a_link_out_of_the_catalogue(mine):
    (mine.parent / "outside.yaml").write_text(CARD.replace("echoes", "others"))
    (mine / "link.yaml").symlink_to(mine.parent / "outside.yaml")
    fails(mine, 3, f"{mine}/link.yaml  the link leaves the catalogue")


def test_rows_without_any_usable_answer(mine):
    (mine / "echoes.jsonl").write_text('{"said": "hey", "heard": null}\n{"said": "ho", "heard": null}\n')
    edit(mine / "card.yaml", "files: echoes.csv, format: csv", "files: echoes.jsonl, format: jsonl")
    ran = command("build", "echoes", "--out", mine.parent / "out", catalogue=mine)
    assert ran.code == 4
    assert (
        "echoes: files:jsonl:echoes.jsonl in mine: none of 2 rows is usable (2 rows: null answer)" in ran.err
    )
    assert [path.name for path in (mine.parent / "out").iterdir()] == [".work"]


def test_bad_answers_are_counted_and_the_rest_is_built(mine):
    (mine / "echoes.csv").write_text(ROWS + "hm,\nhum,  \n")
    ran = command("build", "echoes", "--out", mine.parent / "out", catalogue=mine)
    assert ran.code == 0
    assert "6 rows of 10 asked for" in ran.out
    assert "dropped: 4 rows: empty answer" in ran.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "hubs: [a]\n",
            'mirror.yaml:1  no key "hubs" in a mirror file. Keys: hub, urls. Did you mean "hub"?',
        ),
        ("hub: a\n", "mirror.yaml:1  hub: must be a list of folders"),
        ("hub: [nowhere]\n", "mirror.yaml:1  no folder"),
        ("urls: {x: 1, x: 2}\n", 'mirror.yaml:1  the key "x" is already there'),
        ("hub: [\n", "mirror.yaml:2  not valid YAML"),
        ("[]\n", "mirror.yaml:1  a mapping"),
        (None, "mirror.yaml  cannot be read: No such file or directory"),
    ],
)
def test_a_bad_mirror_file(mine, text, said):
    mirror = mine.parent / "mirror.yaml"
    if text is not None:
        mirror.write_text(text)
    fails(mine, 2, str(mirror), said, more=("--mirror", mirror))


# --- the output folder -------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["file/out", "/proc/out"])
def test_an_output_that_cannot_be_written(mine, where):
    (mine.parent / "file").write_text("")
    out = Path(where) if where.startswith("/") else mine.parent / where
    ran = command("build", "echoes", "--out", out, catalogue=mine)
    assert ran.code == 2, ran.err
    assert f"--out {out}" in ran.err
    assert "Traceback" not in ran.err


def test_an_output_that_is_a_file(mine):
    (mine.parent / "file").write_text("mine")
    ran = command("build", "echoes", "--out", mine.parent / "file", catalogue=mine)
    assert ran.code == 2
    assert "is a file; name a folder" in ran.err
    assert (mine.parent / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_without_permission(mine, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    ran = command("build", "echoes", "--out", tmp_path / "closed" / "out", catalogue=mine)
    assert ran.code == 2
    assert "Permission denied" in ran.err


@pytest.mark.parametrize("overwrite", [(), ("--overwrite",)])
def test_a_folder_of_other_files_is_never_touched(mine, tmp_path, overwrite):
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("one")
    ran = command("build", "echoes", "--out", out, *overwrite, catalogue=mine)
    assert ran.code == 2
    assert "holds files that are no build of flancollect; choose an empty folder" in ran.err
    assert [path.name for path in out.iterdir()] == ["chapter.txt"]


def test_another_build_is_replaced_only_when_asked(tmp_path, copied):
    out = tmp_path / "out"
    built(out, request(rows=50))
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    line = ("build", "small", "--out", out, "--rows", 60)
    for other in ((*line, "--seed", 0), (*line[:-1], 50, "--seed", 1), (*line[:-1], 50, "--only", "phrases")):
        ran = command(*other)
        assert ran.code == 2
        assert "holds another build (mixture small, 50 rows, seed 0)" in ran.err
        assert "pass --overwrite" in ran.err
        assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert command(*line, "--overwrite").code == 0
    assert command("verify", out, catalogue=None).out.startswith(f"{out}: 60 rows")


@pytest.mark.parametrize("look", [("verify",), ("stats",), ("why", 0)])
def test_a_folder_that_is_no_build(tmp_path, look):
    ran = command(look[0], tmp_path, *look[1:], catalogue=None)
    assert ran.code == 2
    assert f"{tmp_path}: not a build folder" in ran.err
