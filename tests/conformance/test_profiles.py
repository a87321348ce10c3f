from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from conformance import profiles, registry
from conformance.profiles import ProfileError
from conformance.report import Result
from conformance.summary import stale_entries

GOOD = """
name = "mine"
versions = ">=1"
[freedoms]
RUN-07 = "reject"
[[absent]]
requirement = "PST-05"
reason = "no durability modes"
[[known]]
requirements = ["INT-07"]
scenario = "interrupt/lingering/*"
reason = "does not wait for a node that cleans up"
evidence = "the transcript"
"""


@pytest.fixture
def good(tmp_path: Path) -> profiles.Profile:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    return profiles.load(str(path))


def test_a_profile_answers_what_it_declares(good: profiles.Profile) -> None:
    assert good.freedom("RUN-07") == "reject"
    assert good.freedom("RUN-06") is None
    assert good.absence("PST-05") == "no durability modes"
    assert good.absence("PST-06") is None
    reason = "does not wait for a node that cleans up"
    assert good.known_failure("INT-07", "interrupt/lingering/create/joined") == reason
    assert good.known_failure("INT-07", "interrupt/during-tools/create/joined") is None
    assert good.known_failure("INT-08", "interrupt/lingering/create/joined") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = 3", r"mine\.toml: Expected `str`, got `int` - at `\$\.name`"),
        ("nome = 'x'", r"mine\.toml: Object contains unknown field `nome`"),
        ("name = ", r"mine\.toml: Invalid value \(at end of document"),
        (GOOD.replace('evidence = "the transcript"', 'evidence = " "'), "known failure of INT-07 needs a reason and"),
        (GOOD.replace('evidence = "the transcript"', ""), "missing required field `evidence`"),
    ],
)
def test_a_bad_profile_is_refused_with_place_and_reason(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ProfileError, match=said):
        profiles.load(str(path))


def test_a_name_that_is_not_shipped_lists_those_that_are() -> None:
    with pytest.raises(ProfileError, match="no profile `langraph-api`: it is neither a file nor one of langgraph-api"):
        profiles.load("langraph-api")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        profiles.load(str(tmp_path / "absent.toml"))


def result(requirement: str, scenario: str, verdict: str) -> Result:
    return Result(requirement=requirement, level="MUST", scenario=scenario, verdict=verdict, reason="")  # type: ignore[arg-type]


def test_a_known_failure_is_stale_where_it_passes(good: profiles.Profile) -> None:
    failing = result("INT-07", "interrupt/lingering/create/joined", "FAIL")
    passing = result("INT-07", "interrupt/lingering/create/unwatched", "PASS")
    assert stale_entries(good, [failing]) == []
    assert stale_entries(good, [failing, passing]) == [
        "interrupt/lingering/create/unwatched::INT-07 is a known failure of the profile, but passes"
    ]


def test_a_flaky_failure_is_never_stale(good: profiles.Profile) -> None:
    flaky = msgspec.structs.replace(good, known=(msgspec.structs.replace(good.known[0], flaky=True),))
    assert stale_entries(flaky, [result("INT-07", "interrupt/lingering/create/joined", "PASS")]) == []


def test_a_known_failure_that_was_not_judged_is_not_stale(good: profiles.Profile) -> None:
    assert stale_entries(good, []) == []
    assert stale_entries(good, [result("INT-07", "interrupt/lingering/create/joined", "INCONCLUSIVE")]) == []


def test_shipped_profiles_name_requirements_and_scenarios_that_exist() -> None:
    from conformance.catalogue import catalogue

    book, ids = registry.load(), [scenario.id for scenario in catalogue()]
    for path in files("conformance").joinpath("profiles").iterdir():
        if not path.name.endswith(".toml"):
            continue
        profile = profiles.load(path.name.removesuffix(".toml"))
        for entry in profile.known:
            for requirement in map(book.get, entry.requirements):
                covered = [name for name in ids if entry.covers(requirement.id, name) and requirement.applies_to(name)]
                assert covered, f"{path.name}: {requirement.id} in {entry.scenario} covers nothing"
        for absent in profile.absent:
            book.get(absent.requirement)
        for requirement_id in profile.freedoms:
            assert book.get(requirement_id).level == "PROFILE"
