"""What licenses ask, whether a policy takes them, and the license of a mixture of several. Pure.

Ids are those of the Hugging Face Hub (SPDX ids in lower case); a card may name several, joined by `;` or
` AND `, and then all hold. Licenses whose terms the properties here cannot say (use restrictions, research
only) are left out of the table on purpose: like `unknown` and `other`, they count as not known. None of
this is legal advice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

PolicyName = Literal["commercial", "permissive", "any"]

UNKNOWN = "unknown"
OTHER = "other"
OWN_PREFIX = "licenseref-"  # SPDX's way to name a license that has no id

CC_VERSIONS = ("1.0", "2.0", "2.5", "3.0", "4.0")


@dataclass(frozen=True, slots=True, kw_only=True)
class License:
    """What a license allows and asks. `spdx` is its id in the SPDX list, empty if it has none.

    `onward`: the licenses that shared-alike adaptations of it may carry next to freer material; empty for
    a share-alike license that takes nothing beside it but what asks for nothing.
    """

    spdx: str = ""
    commercial: bool = True
    derivatives: bool = True
    share_alike: bool = False
    attribution: bool = True
    onward: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """Where the SPDX list shows the text."""
        return f"https://spdx.org/licenses/{self.spdx}.html" if self.spdx else ""


def _creative_commons(elements: str) -> dict[str, License]:
    """All versions of one CC license, such as `by-nc-sa`."""
    licenses = {}
    for version in CC_VERSIONS:
        # From 2.0 on, adaptations may carry a later version: by-sa-2.5 goes on as 2.5, 3.0 or 4.0; 1.0 only as 1.0.
        onward = [version] if version == "1.0" else [later for later in CC_VERSIONS if later >= version]
        licenses[f"cc-{elements}-{version}"] = License(
            spdx=f"CC-{elements}-{version}".upper(),
            commercial="nc" not in elements,
            derivatives="nd" not in elements,
            share_alike="sa" in elements,
            onward=tuple(f"cc-{elements}-{later}" for later in onward) if "sa" in elements else (),
        )
    return licenses


LICENSES: dict[str, License] = {
    "public-domain": License(attribution=False),
    "cc0-1.0": License(spdx="CC0-1.0", attribution=False),
    "pddl": License(spdx="PDDL-1.0", attribution=False),
    "unlicense": License(spdx="Unlicense", attribution=False),
    "wtfpl": License(spdx="WTFPL", attribution=False),
    "0bsd": License(spdx="0BSD", attribution=False),
    # From here on, a notice must be kept. cc-by stands last: of all that ask for no more, it asks the most.
    "mit": License(spdx="MIT"),
    "isc": License(spdx="ISC"),
    "zlib": License(spdx="Zlib"),
    "ncsa": License(spdx="NCSA"),
    "postgresql": License(spdx="PostgreSQL"),
    "bsl-1.0": License(spdx="BSL-1.0"),
    "bsd": License(),  # as `gpl`, `lgpl` and `gfdl` below: no version, so it is no id of the SPDX list
    "bsd-2-clause": License(spdx="BSD-2-Clause"),
    "bsd-3-clause": License(spdx="BSD-3-Clause"),
    "bsd-3-clause-clear": License(spdx="BSD-3-Clause-Clear"),
    "afl-3.0": License(spdx="AFL-3.0"),
    "ecl-2.0": License(spdx="ECL-2.0"),
    "apache-2.0": License(spdx="Apache-2.0"),
    "cdla-permissive-1.0": License(spdx="CDLA-Permissive-1.0"),
    "cdla-permissive-2.0": License(spdx="CDLA-Permissive-2.0"),
    "etalab-2.0": License(spdx="etalab-2.0"),
    "odc-by": License(spdx="ODC-By-1.0"),
    **_creative_commons("by"),
    # From here on, adaptations carry the same license, or one that it names.
    "cdla-sharing-1.0": License(spdx="CDLA-Sharing-1.0", share_alike=True),
    "odbl": License(spdx="ODbL-1.0", share_alike=True),
    "gfdl": License(share_alike=True),
    "mpl-2.0": License(spdx="MPL-2.0", share_alike=True),
    "epl-1.0": License(spdx="EPL-1.0", share_alike=True),
    "epl-2.0": License(spdx="EPL-2.0", share_alike=True),
    "eupl-1.1": License(spdx="EUPL-1.1", share_alike=True),
    "eupl-1.2": License(spdx="EUPL-1.2", share_alike=True),
    "osl-3.0": License(spdx="OSL-3.0", share_alike=True),
    "lgpl": License(share_alike=True),
    "lgpl-2.1": License(spdx="LGPL-2.1", share_alike=True),
    "lgpl-3.0": License(spdx="LGPL-3.0", share_alike=True),
    "gpl": License(share_alike=True),
    "gpl-2.0": License(spdx="GPL-2.0", share_alike=True),
    "gpl-3.0": License(spdx="GPL-3.0", share_alike=True),
    "agpl-3.0": License(spdx="AGPL-3.0", share_alike=True),
    **_creative_commons("by-sa"),
    # From here on, `commercial` takes none. The last two cannot be part of any mixture that is shared.
    **_creative_commons("by-nc"),
    **_creative_commons("by-nc-sa"),
    **_creative_commons("by-nd"),
    **_creative_commons("by-nc-nd"),
}
"""From the freest to the strictest; within a kind, from the oldest to the newest."""

_STRICTNESS = {name: rank for rank, name in enumerate(LICENSES)}

DENIED: dict[str, tuple[str, Callable[[License], bool]]] = {
    "nc": ("not for commercial use", lambda entry: not entry.commercial),
    "nd": ("adapted rows may not be shared", lambda entry: not entry.derivatives),
    "sa": ("adaptations must be shared alike", lambda entry: entry.share_alike),
    "by": ("asks for attribution", lambda entry: entry.attribution),
}
"""The words that `deny` takes beside ids: what such licenses ask, and which they are."""

POLICIES: dict[PolicyName, frozenset[str]] = {
    "commercial": frozenset({"nc", "nd"}),
    "permissive": frozenset({"nc", "nd", "sa"}),
    "any": frozenset(),
}
"""What each named policy denies, besides every license that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which licenses pass. `allow` names licenses that pass whatever `deny` says; alone, only those pass.

    A license that is not known never passes unless `allow` names it.
    """

    name: str
    allow: frozenset[str] = frozenset()
    deny: frozenset[str] = frozenset()


def named_policy(name: PolicyName) -> Policy:
    """The policy of a name, such as the command line gives."""
    return Policy(name=name, deny=POLICIES[name])


def license_ids(text: str) -> tuple[str, ...]:
    """The ids in a card's `license`, in lower case; `unknown` where it says nothing."""
    # SPDX joins by AND in capitals. Its OR has no reading here: a card names the license that it takes.
    parts = (part.strip().lower() for part in re.split(r";|\s+AND\s+", text))
    return tuple(dict.fromkeys(part for part in parts if part)) or (UNKNOWN,)


def refusal(text: str, policies: Iterable[Policy]) -> str | None:
    """Why a card's license does not pass one of the policies, or None: all its ids must pass all of them."""
    for policy in policies:
        for name in license_ids(text):
            reason = _refusal(name, policy)
            if reason:
                return f"license {name}: {reason} (license policy: {policy.name})"
    return None


def _refusal(name: str, policy: Policy) -> str | None:
    entry = LICENSES.get(name)
    if name in policy.allow:
        return None
    if entry is None:
        return "its terms are not known; only naming it in `allow` lets it in"
    if name in policy.deny:
        return "denied by name"
    for word in sorted(policy.deny & DENIED.keys()):
        meaning, applies = DENIED[word]
        if applies(entry):
            return meaning
    return "not among the allowed" if policy.allow and not policy.deny else None


def misspelled(name: str) -> str | None:
    """The known id that this one seems to mean. None for known ids, other versions and own names."""
    if name in LICENSES or name in (UNKNOWN, OTHER) or name.startswith(OWN_PREFIX):
        return None
    near = difflib.get_close_matches(name, LICENSES, n=1, cutoff=0.85)
    # Equal but for digits is another version that exists, as bsd-4-clause beside bsd-3-clause.
    return near[0] if near and re.sub(r"\d", "0", near[0]) != re.sub(r"\d", "0", name) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """The license that a whole can carry, and why in one sentence. `other`: there is no single one."""

    id: str
    reason: str


def combined(texts: Iterable[str]) -> Combined:
    """The license of a mixture of sources under these licenses: the strictest, if one can cover all.

    mit and apache-2.0 make apache-2.0; cc-by-4.0 and cc-by-sa-3.0 make cc-by-sa-3.0; cc-by-sa-3.0 and
    cc-by-sa-4.0 make cc-by-sa-4.0; gpl-3.0 and mit make `other`, as does anything with `nd` in it.
    """
    ids = sorted(
        {name for text in texts for name in license_ids(text)},
        key=lambda name: (_STRICTNESS.get(name, len(_STRICTNESS)), name),
    )
    if not ids:
        return Combined(id=OTHER, reason="there are no rows")
    unknown = ", ".join(name for name in ids if name not in LICENSES)
    if unknown:
        reason = f"the terms of some sources are not known ({unknown}), so no license can cover the whole"
        return Combined(id=UNKNOWN if ids == [UNKNOWN] else OTHER, reason=reason)
    unadaptable = ", ".join(name for name in ids if not LICENSES[name].derivatives)
    if unadaptable:
        reason = f"{unadaptable} does not let adapted rows be shared, and a mixture adapts its rows"
        return Combined(id=OTHER, reason=reason)
    result = ids[-1]
    if any(LICENSES[name].share_alike for name in ids):
        # What share-alike sources ask comes first: by strictness alone, cc-by-nc-4.0 would cover cc-by-sa-4.0.
        result, conflict = _adaptation_license(ids)
        if conflict is not None:
            return Combined(id=OTHER, reason=conflict)
    if ids == [result]:
        return Combined(id=result, reason=f"every source is under {result}")
    reason = f"{result} is the strictest of {', '.join(ids)}, and rows under the others may be part of it"
    return Combined(id=result, reason=reason)


def _adaptation_license(ids: Sequence[str]) -> tuple[str, str | None]:
    """The oldest license that all share-alike sources allow for adaptations, and what forbids it, if anything.

    cc-by-sa-2.0 goes on as 2.0, 2.5, 3.0 or 4.0, cc-by-sa-3.0 as 3.0 or 4.0: together they go on as 3.0.
    """
    sharing = [name for name in ids if LICENSES[name].share_alike]
    others = [name for name in ids if not LICENSES[name].share_alike]
    onward = [LICENSES[name].onward or (name,) for name in sharing]
    common = [name for name in onward[0] if all(name in allowed for allowed in onward)]
    if not common:
        return OTHER, f"{' and '.join(sharing)} each ask that the whole be shared under their own terms"
    result = common[0]
    noncommercial = ", ".join(name for name in others if not LICENSES[name].commercial)
    if noncommercial and LICENSES[result].commercial:
        return result, f"{noncommercial} forbids commercial use, which {result} must leave open"
    attributed = ", ".join(name for name in others if LICENSES[name].attribution)
    # CC says which terms may stand beside its own; of other share-alike licenses nothing is assumed.
    if attributed and not LICENSES[result].onward:
        return result, f"{result} takes no rows under the terms of {attributed}"
    return result, None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubLicense:
    """A license as a dataset card on the Hub names it; `name` goes with `other` alone."""

    id: str
    name: str | None = None


# The versions that the Hub's list of license ids has; others of ours go there as `other` with their name.
_CC_ON_THE_HUB = {
    "by": ("2.0", "2.5", "3.0", "4.0"),
    "by-sa": ("3.0", "4.0"),
    "by-nc": ("2.0", "3.0", "4.0"),
    "by-nc-sa": ("2.0", "3.0", "4.0"),
    "by-nd": ("4.0",),
    "by-nc-nd": ("3.0", "4.0"),
}
_ON_THE_HUB = frozenset(
    {UNKNOWN, *LICENSES} - {"public-domain", "0bsd"} - {name for name in LICENSES if name.startswith("cc-by")}
    | {f"cc-{kind}-{version}" for kind, versions in _CC_ON_THE_HUB.items() for version in versions}
)


def hub_license(name: str) -> HubLicense:
    """The id that the Hub takes for a license, or `other` with the license's own name."""
    if name in _ON_THE_HUB:
        return HubLicense(id=name)
    return HubLicense(id=OTHER, name="mixed" if name == OTHER else name)


def terms(text: str) -> str:
    """What a card's licenses ask, in words."""
    phrases = []
    for name in license_ids(text):
        entry = LICENSES.get(name)
        words = [DENIED[word][0] for word in ("by", "sa", "nc", "nd") if entry and DENIED[word][1](entry)]
        phrases.append("not known" if entry is None else ", ".join(words) or "asks for nothing")
    return "; ".join(dict.fromkeys(phrases))
