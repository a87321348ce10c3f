from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conformance.judge import profiles
from conformance.judge.profiles import ProfileError
from conformance.report.report import Result
from conformance.report.summary import stale_entries
from conformance.scenarios.catalogue import catalogue
from conformance.scenarios.moves import Submit
from conformance.transcript.transcript import TargetInfo

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
    assert good.absence("PST-05", "interrupt/idle/create/unwatched") == "no durability modes"
    assert good.absence("PST-06", "interrupt/idle/create/unwatched") is None
    reason = "does not wait for a node that cleans up"
    assert good.known_failure("INT-07", "interrupt/lingering/create/joined") == reason
    assert good.known_failure("INT-07", "interrupt/during-tools/create/joined") is None
    assert good.known_failure("INT-08", "interrupt/lingering/create/joined") is None


def test_a_scenario_may_be_absent_for_every_requirement(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace('requirement = "PST-05"', 'scenario = "*/in-subgraph/*"'))
    profile = profiles.load(str(path))
    assert profile.absence("INT-19", "cancel/in-subgraph/rollback/unwatched") == "no durability modes"
    assert profile.absence("INT-19", "interrupt/idle/create/unwatched") is None


def test_one_entry_says_that_a_strategy_is_not_offered() -> None:
    profile = profiles.parse(
        'name = "mine"\n[[absent]]\nstrategy = "rollback"\nreason = "no rollback"\n'
        '[[absent]]\nrequirements = ["CRN-01", "CRN-02"]\nscenario = ["cron/*", "webhook/*"]\nreason = "no crons"',
        "mine",
    )
    without = [s for s in catalogue() if profile.absence("RUN-01", s.id) is None]
    assert all(
        getattr(move, "strategy", None) != "rollback" for s in without for move in s.moves if isinstance(move, Submit)
    )
    # It is used in scenarios of other strategies, too.
    assert profile.absence("INT-01", "interrupt/upon-rollback/create/unwatched") == "no rollback"
    assert profile.absence("RUN-01", "interrupt/during-tools/create/unwatched") is None
    assert profile.absence("CRN-02", "cron/busy-thread") == "no crons"
    assert profile.absence("CRN-02", "interrupt/during-tools/create/unwatched") is None


BAD = [
    ("name = 3", "1: Expected `str`, got `int` - at `$.name`"),
    ("nome = 'x'", "1: Object contains unknown field `nome`"),
    ("name = ", "1: Invalid value (at end of document)"),
    ('name = "mine"\n\nversions = "about 1"', "3: `about 1` is not a range of versions such as `>=0.16,<0.17`"),
    (GOOD.replace("RUN-07", "RUN-77"), "5: no requirement `RUN-77`. Did you mean RUN-37?"),
    (GOOD.replace("RUN-07", "RUN-01"), "5: RUN-01 is not a freedom. Declare a failure of it under [[known]]"),
    (GOOD.replace("PST-05", "PST-55"), "7: no requirement `PST-55`. Did you mean PST-05?"),
    (
        GOOD.replace('requirement = "PST-05"', 'requirements = ["CRN"]'),
        "7: `CRN` is an area of 10 requirements. Name them, from CRN-01 to CRN-15, or the scenarios",
    ),
    (GOOD.replace("no durability modes", " "), "8: the absence of PST-05 needs a reason"),
    (GOOD.replace('requirement = "PST-05"', ""), "8: an absence needs a `requirement`, a `strategy`, or a pattern"),
    (GOOD.replace('requirement = "PST-05"', 'scenario = "in-*"'), "7: `in-*` matches no scenario"),
    (GOOD.replace('requirement = "PST-05"', 'scenario = ["cron/*", "in-*"]'), "7: `in-*` matches no scenario"),
    (GOOD.replace('requirement = "PST-05"', 'requirements = ["PST-05", "PST-55"]'), "7: no requirement `PST-55`"),
    (GOOD.replace('requirement = "PST-05"', 'strategy = "rolback"'), "7: Invalid enum value 'rolback'"),
    (GOOD.replace('["INT-07"]', "[]"), "10: a known failure needs at least one requirement"),
    (GOOD.replace('["INT-07"]', '["IMT-07"]'), "10: no requirement `IMT-07`. Did you mean INT-07?"),
    (GOOD.replace('["INT-07"]', '["RUN-07"]'), "10: RUN-07 is a documented freedom and cannot be a known failure"),
    (
        GOOD.replace("interrupt/ling", "reject/ling"),
        "11: `reject/lingering/*` matches no scenario in which INT-07 is judged",
    ),
    (
        GOOD.replace("does not wait for a node that cleans up", ""),
        "12: the known failure of INT-07 needs a reason that",
    ),
    (GOOD.replace("the transcript", " "), "13: the known failure of INT-07 needs evidence that is not empty"),
    (GOOD.replace('evidence = "the transcript"', ""), "9: Object missing required field `evidence` - at `$.known[0]`"),
    (GOOD + "flakey = true\n", "14: Object contains unknown field `flakey` - at `$.known[0]`"),
    (GOOD + "flaky = 1\n", "14: Expected `bool`, got `int` - at `$.known[0].flaky`"),
    (
        GOOD + GOOD[GOOD.index("[[known]]") :].replace("lingering", "nowhere"),
        "16: `interrupt/nowhere/*` matches no scenario in which INT-07",
    ),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_a_bad_profile_is_refused_with_file_line_and_reason(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        profiles.load(str(path))
    assert str(caught.value).startswith(f"{path}:{said}")


def test_a_name_that_is_not_shipped_lists_those_that_are() -> None:
    with pytest.raises(
        ProfileError, match="no profile `langraph-api`: it is neither a file nor one of aegra, langgraph-api"
    ) as e:
        profiles.load("langraph-api")
    assert str(e.value).endswith(". Did you mean `langgraph-api`?")


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
        "interrupt/lingering/create/unwatched::INT-07 is a known failure of the profile, but passes; "
        "delete its entry, or add `flaky = true` to it"
    ]


def test_a_flaky_failure_is_never_stale(good: profiles.Profile) -> None:
    flaky = msgspec.structs.replace(good, known=(msgspec.structs.replace(good.known[0], flaky=True),))
    assert stale_entries(flaky, [result("INT-07", "interrupt/lingering/create/joined", "PASS")]) == []


def test_a_flaky_entry_is_an_exception_from_a_wide_one(good: profiles.Profile) -> None:
    exception = msgspec.structs.replace(good.known[0], scenario="interrupt/lingering/create/joined", flaky=True)
    both = msgspec.structs.replace(good, known=(exception, *good.known))
    passing = [result("INT-07", f"interrupt/lingering/create/{which}", "PASS") for which in ("joined", "unwatched")]
    assert [text.partition("::")[0] for text in stale_entries(both, passing)] == [passing[1].scenario]


def test_a_known_failure_that_was_not_judged_is_not_stale(good: profiles.Profile) -> None:
    assert stale_entries(good, []) == []
    assert stale_entries(good, [result("INT-07", "interrupt/lingering/create/joined", "INCONCLUSIVE")]) == []


CHILD = """
name = "mine-2"
extends = "mine.toml"
versions = ">=2"
[freedoms]
RUN-07 = "rollback"
CAN-08 = "202"
[[known]]
requirements = ["INT-07"]
scenario = "interrupt/lingering/create/joined"
reason = "a reason of its own"
evidence = "another transcript"
"""


def test_a_profile_declares_what_it_extends_and_goes_first(good: profiles.Profile, tmp_path: Path) -> None:
    path = tmp_path / "mine-2.toml"
    path.write_text(CHILD)
    child = profiles.load(str(path))
    assert (child.name, child.versions) == ("mine-2", ">=2")
    assert child.freedoms == {"RUN-07": "rollback", "CAN-08": "202"}
    assert child.absence("PST-05", "interrupt/idle/create/unwatched") == "no durability modes"
    assert child.known_failure("INT-07", "interrupt/lingering/create/joined") == "a reason of its own"
    assert child.known_failure("INT-07", "interrupt/lingering/create/unwatched") == good.known[0].reason
    path.write_text(CHILD.replace('versions = ">=2"\n', ""))
    assert profiles.load(str(path)).versions == good.versions


def test_a_profile_may_extend_one_that_is_shipped(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text('name = "ours"\nextends = "langgraph-api-workers"\n')
    ours, shipped = profiles.load(str(path)), profiles.load("langgraph-api-workers")
    assert (ours.name, ours.workers, ours.known) == ("ours", "several", shipped.known)


@pytest.mark.parametrize(
    ("extends", "said"),
    [
        ("langgraph-apy", "3: extends: no profile `langgraph-apy`: it is neither a file nor one of"),
        ("absent.toml", "3: extends: {folder}/absent.toml: cannot be read"),
        ("bad.toml", "3: extends: {folder}/bad.toml:1: Expected `str`, got `int` - at `$.name`"),
        ("mine-2.toml", "3: extends: {folder}/mine-2.toml extends itself"),
        ("back.toml", "3: extends: {folder}/back.toml:2: extends: {folder}/mine-2.toml extends itself"),
    ],
)
def test_what_cannot_be_extended_is_said_with_file_and_line(extends: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("name = 3")
    (tmp_path / "back.toml").write_text('name = "back"\nextends = "mine-2.toml"\n')
    path = tmp_path / "mine-2.toml"
    path.write_text(CHILD.replace("mine.toml", extends))
    with pytest.raises(ProfileError) as caught:
        profiles.load(str(path))
    assert str(caught.value).startswith(f"{path}:{said.format(folder=tmp_path)}")


WITHOUT_SERVER = {"langgraph-js", "langhost"}
"""The profiles that are proposed for no server: one is there to be extended, and langhost has no name of its own."""


def test_a_profile_without_a_server_is_proposed_for_nothing() -> None:
    assert {name for name in profiles.shipped() if not profiles.load(name).server} == WITHOUT_SERVER
    assert "langgraph-js" not in [p.name for p in profiles.proposals(target("langgraph-js", "2.0.0"))]
    assert profiles.proposals(target("langgraph-api", "0.11.1")) == []


@pytest.mark.parametrize("name", sorted(set(profiles.shipped()) - {"langgraph-js"}))
def test_a_shipped_profile_is_sound_and_says_for_what_it_was_written(name: str) -> None:
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.server or name in WITHOUT_SERVER
    assert profile.versions


@pytest.mark.parametrize("name", profiles.shipped())
def test_a_flaky_entry_says_what_luck_decides(name: str) -> None:
    silent = [k for k in profiles.load(name).known if k.flaky and "luck decides" not in k.reason.casefold()]
    assert silent == []


def target(server: str | None, version: str | None) -> TargetInfo:
    return TargetInfo("http://there", server, version)


@pytest.mark.parametrize(
    ("server", "version", "said"),
    [
        ("ours", "1.2.0", None),
        ("ours", "1.9.0-rc.1", None),
        ("ours", "2.0.0", "profile mine is for versions >=1,<2, and this is ours 2.0.0"),
        ("ours", "nightly", "profile mine is for versions >=1,<2, and this is ours nightly"),
        ("ours", None, "profile mine is for versions >=1,<2, and this is ours"),
        ("theirs", "1.2.0", "profile mine is for ours, and this is theirs 1.2.0"),
        (None, None, "profile mine is for ours, and this is a server that reports no name"),
    ],
)
def test_a_profile_that_was_written_for_something_else_says_so(
    server: str | None, version: str | None, said: str | None
) -> None:
    mine = profiles.Profile(name="mine", server="ours", versions=">=1,<2")
    assert profiles.misfit(mine, target(server, version)) == said


def test_a_profile_that_does_not_say_for_what_it_is_fits_everything() -> None:
    assert profiles.misfit(profiles.Profile(name="mine"), target(None, None)) is None


def test_the_profiles_of_a_server_are_proposed_by_its_name_and_version() -> None:
    assert [p.name for p in profiles.proposals(target("langgraph-api", "0.16.7"))] == [
        "langgraph-api",
        "langgraph-api-workers",
    ]
    assert [p.workers for p in profiles.proposals(target("langgraph-api", "0.16.7"))] == ["one", "several"]
    assert profiles.proposals(target("langgraph-api", "0.1.0")) == []
    assert profiles.proposals(target("doubletext-mockserver", "0.1.0")) == []
    assert profiles.proposals(target(None, None)) == []
