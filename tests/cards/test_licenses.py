"""Licenses: what a policy takes, what the whole can carry, and that builds hold to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flancollect.artifacts import Manifest, SourceLock, SplitLock
from flancollect.cards.catalog import load_catalog
from flancollect.cards.licenses import (
    LICENSES,
    POLICIES,
    Policy,
    combined,
    hub_license,
    license_ids,
    misspelled,
    named_policy,
    refusal,
    terms,
)
from flancollect.cards.mixture_card import MixtureCard
from flancollect.cards.splits import parse_split
from flancollect.errors import CardError
from flancollect.planning.plan import make_plan
from flancollect.planning.recipe import recipe_of_card
from flancollect.planning.request import BuildRequest
from flancollect.planning.selection import select_tasks
from flancollect.planning.task_plan import ResolvedSources
from tests.catalogs import colours, write
from tests.small import Ran, command

ANY_LICENSES = st.lists(st.sampled_from([*LICENSES, "unknown", "other"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("mit", ("mit",)),
        ("MIT; CC-BY-4.0", ("mit", "cc-by-4.0")),
        ("cc-by-sa-3.0 AND gfdl", ("cc-by-sa-3.0", "gfdl")),
        ("mit;mit", ("mit",)),
        ("", ("unknown",)),
        (" ; ", ("unknown",)),
    ],
)
def test_a_card_may_name_several_licenses(text, ids):
    assert license_ids(text) == ids


@pytest.mark.parametrize(
    ("policy", "passes", "refused"),
    [
        (
            "commercial",
            ["mit", "cc-by-4.0", "cc-by-sa-4.0", "gpl-3.0"],
            ["cc-by-nc-4.0", "cc-by-nd-4.0", "unknown"],
        ),
        (
            "permissive",
            ["mit", "cc-by-4.0", "cc0-1.0"],
            ["cc-by-sa-4.0", "gpl-3.0", "cc-by-nc-sa-3.0", "other"],
        ),
        ("any", ["mit", "cc-by-nc-nd-4.0", "gpl-3.0"], ["unknown", "other", "licenseref-mine", "openrail"]),
    ],
)
def test_named_policies(policy, passes, refused):
    rule = [named_policy(policy)]
    assert {text: refusal(text, rule) for text in passes} == dict.fromkeys(passes)
    assert all(refusal(text, rule) for text in refused)


def test_all_licenses_of_a_card_must_pass():
    reason = refusal("mit; cc-by-nc-4.0", [named_policy("commercial")])
    assert reason == "license cc-by-nc-4.0: not for commercial use (license policy: commercial)"


def test_all_policies_must_pass():
    rules = [named_policy("any"), Policy(name="mine", deny=frozenset({"mit"}))]
    assert refusal("mit", rules) == "license mit: denied by name (license policy: mine)"
    assert refusal("isc", rules) is None


def test_allow_lets_through_what_deny_and_ignorance_would_keep_out():
    rule = Policy(name="mine", allow=frozenset({"unknown", "cc-by-nc-4.0"}), deny=frozenset({"nc"}))
    assert refusal("unknown", [rule]) is None
    assert refusal("cc-by-nc-4.0", [rule]) is None
    assert refusal("mit", [rule]) is None
    assert refusal("cc-by-nc-3.0", [rule])
    assert refusal("other", [rule])


def test_allow_alone_lets_through_nothing_else():
    rule = Policy(name="mine", allow=frozenset({"mit"}))
    assert refusal("mit", [rule]) is None
    assert "not among the allowed" in (refusal("isc", [rule]) or "")


def test_no_policy_takes_everything():
    assert refusal("unknown", []) is None


@pytest.mark.parametrize(
    ("sources", "result"),
    [
        (["mit"], "mit"),
        (["mit", "apache-2.0", "cc0-1.0"], "apache-2.0"),
        (["mit", "cc-by-4.0", "cc-by-3.0"], "cc-by-4.0"),
        (["cc-by-sa-3.0", "cc-by-4.0"], "cc-by-sa-3.0"),
        (["cc-by-sa-3.0", "cc-by-sa-4.0", "mit"], "cc-by-sa-4.0"),
        (["cc-by-sa-1.0", "cc-by-sa-4.0"], "other"),
        (["cc-by-nc-4.0", "mit"], "cc-by-nc-4.0"),
        (["cc-by-nc-4.0", "cc-by-nc-sa-4.0"], "cc-by-nc-sa-4.0"),
        (["cc-by-nc-4.0", "cc-by-sa-4.0"], "other"),
        (["cc-by-nc-sa-4.0", "cc-by-sa-4.0"], "other"),
        (["cc-by-nd-4.0"], "other"),
        (["gpl-3.0"], "gpl-3.0"),
        (["gpl-3.0", "cc0-1.0"], "gpl-3.0"),
        (["gpl-3.0", "mit"], "other"),
        (["cdla-sharing-1.0", "cc-by-sa-4.0"], "other"),
        (["cc-by-sa-3.0; gfdl"], "other"),
        (["unknown"], "unknown"),
        (["unknown", "mit"], "other"),
        (["licenseref-mine"], "other"),
        ([], "other"),
    ],
)
def test_the_license_of_the_whole(sources, result):
    whole = combined(sources)
    assert whole.id == result
    assert whole.reason


@given(ANY_LICENSES)
def test_the_whole_is_never_freer_than_a_part(sources):
    whole = combined(sources).id
    if whole in LICENSES:
        parts, result = [LICENSES[name] for name in sources], LICENSES[whole]
        assert result.commercial <= min(part.commercial for part in parts)
        assert result.share_alike >= max(part.share_alike for part in parts)
        assert result.attribution >= max(part.attribution for part in parts)
        assert all(part.derivatives for part in parts)
    assert combined(sources) == combined(sources[::-1])


@given(ANY_LICENSES, st.sampled_from(list(POLICIES)))
def test_what_a_policy_takes_it_also_takes_as_a_whole(sources, policy):
    rule = [named_policy(policy)]
    whole = combined(sources).id
    if whole in LICENSES and all(refusal(name, rule) is None for name in sources):
        assert refusal(whole, rule) is None


def test_misspellings_are_told_from_other_licenses():
    assert misspelled("cc-by-4") == "cc-by-4.0"
    assert misspelled("apache 2.0") == "apache-2.0"
    assert [misspelled(name) for name in ("bsd-4-clause", "openrail", "llama3", "licenseref-mti", "mit")] == [
        None
    ] * 5


def test_the_hub_gets_ids_it_knows():
    assert hub_license("cc-by-4.0").id == "cc-by-4.0"
    assert hub_license("unknown").id == "unknown"
    named = hub_license("cc-by-sa-1.0")
    assert (named.id, named.name) == ("other", "cc-by-sa-1.0")
    assert hub_license("other").name == "mixed"


def test_terms_are_words():
    assert (
        terms("cc-by-nc-sa-4.0")
        == "asks for attribution, adaptations must be shared alike, not for commercial use"
    )
    assert terms("cc0-1.0; other") == "asks for nothing; not known"


def test_every_license_of_the_embedded_cards_is_known_or_says_that_it_is_not():
    ids = {name for task in load_catalog().tasks.values() for name in license_ids(task.card.license)}
    assert {name for name in ids if name not in LICENSES} <= {"unknown", "other"}


@pytest.mark.parametrize("policy", ["commercial", "permissive", "any"])
def test_over_the_whole_catalogue_a_policy_plans_no_refused_task(policy):
    catalog = load_catalog()
    mixture = MixtureCard.model_validate(
        {
            "mixture": "all",
            "size": 100_000,
            "parts": {"all": {"select": {}, "variants": {"zs_opt": 1, "fs_opt": 1}}},
        }
    )
    keys = {name: name for name in catalog.tasks}
    keys |= {f"{name} (exemplars)": name for name in catalog.tasks}
    entries = {
        name: SourceLock(
            revision="r",
            splits={
                parse_split(text).name: SplitLock(rows=50_000, columns={})
                for text in task.card.splits.values()
            },
        )
        for name, task in catalog.tasks.items()
    }
    recipe = recipe_of_card(mixture, BuildRequest("all", license_policy=policy))
    sources = ResolvedSources(keys=keys, entries=entries)
    plan = make_plan(catalog, recipe, select_tasks(catalog, recipe), sources)
    licenses = {task.task.card.license.lower() for task in plan.tasks}
    assert licenses
    assert not licenses & {"unknown", "other"}
    if policy != "any":
        assert not [name for name in licenses if "-nc" in name or "-nd" in name]
    if policy == "permissive":
        assert not [name for name in licenses if "-sa" in name or name.startswith("gpl")]
    skipped = {skip.task for skip in plan.skipped if skip.kind == "license"}
    assert skipped
    assert {task.name for task in plan.tasks} | {skip.task for skip in plan.skipped} == set(catalog.tasks)


@pytest.fixture
def mixed(copied: Path) -> Path:
    """The small catalogue with a non-commercial and an unknown source."""
    for card, name in (
        ("phrases/phrases.yaml", "cc-by-nc-4.0"),
        ("weather/weather_claims.yaml", "unknown"),
    ):
        path = copied / card
        path.write_text(path.read_text().replace("license: cc0-1.0", f"license: {name}"))
    return copied


def built_commercially(out: Path, catalogue: Path) -> Ran:
    policy = ("--license-policy", "commercial", "--strict")
    ran = command("build", "small", "--out", out, *policy, catalogue=catalogue)
    assert ran.code == 0, ran.err
    return ran


def test_a_build_under_a_policy_has_no_row_of_a_refused_source(tmp_path, mixed):
    ran = built_commercially(tmp_path / "b", mixed)
    manifest = Manifest.model_validate_json((tmp_path / "b" / "manifest.json").read_bytes())
    assert "skipped (license): phrases: license cc-by-nc-4.0: not for commercial use" in ran.out
    skipped = {skip.task: skip.kind for skip in manifest.skipped}
    assert skipped["phrases"] == skipped["weather_claims"] == "license"
    built = {row.task for row in manifest.tasks if row.rows}
    assert built
    assert not built & {"phrases", "weather_claims"}
    assert {row.license for row in manifest.licenses}.isdisjoint({"cc-by-nc-4.0", "unknown"})
    assert manifest.coverage.skipped_tasks == 0
    assert manifest.coverage.planned_tasks == manifest.coverage.built_tasks
    assert manifest.recipe["license_policy"] == "commercial"


def test_a_build_without_a_policy_takes_all_and_states_what_it_is(tmp_path, mixed):
    ran = command("build", "small", "--out", tmp_path / "b", "--json", catalogue=mixed)
    assert json.loads(ran.out)["license"] == "other"
    manifest = Manifest.model_validate_json((tmp_path / "b" / "manifest.json").read_bytes())
    assert manifest.license == "other"
    assert "unknown" in manifest.license_reason
    rows = {row.license: row.rows for row in manifest.licenses}
    assert rows["cc-by-nc-4.0"] > 0
    assert sum(rows.values()) == manifest.rows


def test_another_policy_is_another_build(tmp_path, mixed):
    assert command("build", "small", "--out", tmp_path / "b", catalogue=mixed).code == 0
    ran = command("build", "small", "--out", tmp_path / "b", "--license-policy", "any", catalogue=mixed)
    assert ran.code == 2
    assert "license policy any" in ran.err


def test_a_mixture_states_its_own_rule(tmp_path, mixed):
    card = mixed / "small.yaml"
    card.write_text(card.read_text() + "license: {deny: [nc], allow: [unknown]}\n")
    ran = command("plan", "small", "--json", "--resolve", catalogue=mixed)
    plan = json.loads(ran.out)
    assert [s["task"] for s in plan["skipped"] if s["kind"] == "license"] == ["phrases"]
    assert "weather_claims" in {task["task"] for task in plan["tasks"]}
    assert plan["license"] == "other"


def test_a_policy_on_the_command_line_is_not_lifted_by_the_mixture(tmp_path, mixed):
    card = mixed / "small.yaml"
    card.write_text(card.read_text() + "license: {deny: [nc], allow: [unknown]}\n")
    ran = command("plan", "small", "--json", "--resolve", "--license-policy", "commercial", catalogue=mixed)
    fallen = [s["task"] for s in json.loads(ran.out)["skipped"] if s["kind"] == "license"]
    assert {"phrases", "weather_claims"} <= set(fallen)


def test_refused_sources_are_not_looked_at(tmp_path, mixed):
    (mixed / "phrases" / "english.txt").unlink()
    built_commercially(tmp_path / "b", mixed)


def test_a_policy_that_takes_nothing_is_a_failed_check(tmp_path):
    folder = colours(tmp_path / "mine")
    card = folder / "colours.yaml"
    card.write_text(card.read_text().replace("license: mit", "license: unknown"))
    ran = command("build", "colours", "--out", tmp_path / "b", "--license-policy", "any", catalogue=folder)
    assert ran.code == 5
    assert "the license policy leaves nothing to build" in ran.err
    assert "colours: license unknown" in ran.err


def problems(folder: Path, tmp_path: Path) -> str:
    write(tmp_path / "embedded", {"task_cards/x": "", "templates/x": ""})
    with pytest.raises(CardError) as caught:
        load_catalog([folder], embedded=tmp_path / "embedded")
    return str(caught.value)


def test_a_misspelled_license_is_a_problem_of_its_card(tmp_path):
    folder = colours(tmp_path / "mine")
    card = folder / "colours.yaml"
    card.write_text(card.read_text().replace("license: mit", "license: cc-by-sa4.0"))
    assert 'colours.yaml:8  license: no license "cc-by-sa4.0". Did you mean "cc-by-sa-4.0"?' in problems(
        folder, tmp_path
    )


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("{deny: [nd, cn]}", 'license.deny: no license "cn".'),
        ("{allow: [nc]}", 'license.allow: no license "nc".'),
        ("{allow: [mit], deny: [mit]}", "allowed and denied at once"),
        ("{}", "give `allow`, `deny` or both"),
    ],
)
def test_license_rules_are_checked(tmp_path, rule, says):
    folder = colours(tmp_path / "mine")
    write(folder, {"m.yaml": f"mixture: m\nsize: 3\nlicense: {rule}\nparts: {{mine: {{}}}}\n"})
    assert says in problems(folder, tmp_path)
