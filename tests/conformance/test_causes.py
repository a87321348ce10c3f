"""The causes of failures: a known fault is named by its own requirement, and explains the others."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from conformance.judge.expect import declare
from conformance.judge.judging import Word
from conformance.report import screen
from conformance.report.causes import FEWEST, causes, grouped
from conformance.report.report import Cause, Result
from conformance.requirements import registry
from conformance.requirements.registry import Fault
from conformance.scenarios import tiers
from conformance.scenarios.catalogue import catalogue

BOOK = registry.load()
EVERYTHING = [requirement.id for requirement in BOOK.requirements]
KNOWN = registry.known_faults()


def result(requirement: str, verdict: Word, scenario: str = "interrupt/during-tools/create/unwatched") -> Result:
    level = BOOK.get(requirement).level
    return Result(
        requirement=requirement, level=level, scenario=scenario, verdict=verdict, reason=f"because of {requirement}"
    )


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_known_fault_is_one_cause(name: str) -> None:
    # Sorted by id, so that their order gives no hint.
    first, *rest = causes(sorted(KNOWN[name].breaks), EVERYTHING, KNOWN)
    assert (first.requirement, rest) == (KNOWN[name].breaks[0], [])
    assert {first.requirement, *first.explains} == set(KNOWN[name].breaks)
    # Few requirements may be the effect of many faults, and a fault is named only where it is the one.
    assert first.fault in (name, None)
    assert first.fault == name or len(KNOWN[name].breaks) < FEWEST or _is_shared(KNOWN[name])


def _is_shared(fault: Fault) -> bool:
    return sum(set(other.breaks) == set(fault.breaks) for other in KNOWN.values()) > 1


def test_two_faults_at_once_are_two_causes() -> None:
    broken = sorted({*KNOWN["strategy_ignored"].breaks, *KNOWN["times_without_zone"].breaks})
    found = causes(broken, EVERYTHING, KNOWN)
    assert [cause.requirement for cause in found] == ["INT-20", "SHP-02"]
    assert sorted(one for cause in found for one in (cause.requirement, *cause.explains)) == broken


SEEN = {
    "strategies_dropped": "CON-09 ERR-01 INT-02 INT-20 RBK-01 RBK-02 RBK-03 RBK-07 RUN-06",
    "thread_never_leaves_busy": "AGR-09 HIL-01 THR-03 THR-06 THR-07 THR-08",
    "cancel_not_performed": "CAN-01 CAN-02 CAN-04 CAN-13",
    "ended_runs_gone": "CAN-01 CAN-02 CON-09 ENQ-06 ERR-11 HIL-15 INT-02 INT-03 INT-04 RBK-06 RUN-30",
    "state_of_first_checkpoint": "AGR-04 AGR-06 AGR-11 CAN-01 CHK-05 CHK-28 CLI-04 CON-09 ERR-11 HIL-03 INT-05 PST-01 "
    "PST-02 PST-04 PST-08 PST-10 RBK-02 RBK-09",
    "ids_without_dashes": "CHK-02 CHK-03 CHK-09 ECH-03 INT-03 SHP-01 SHP-02 SHP-04 STR-01 STR-14",
    "lists_oldest_first": "AGR-04 CHK-01 CHK-05 CHK-26 CRN-05 INT-08 THR-21 THR-22",
}
"""The requirements that a run of the tier smoke found broken, on servers with faults that the mock does not have."""


@pytest.mark.parametrize("name", SEEN)
def test_a_fault_of_another_server_is_one_cause_in_a_short_run(name: str) -> None:
    broken = SEEN[name].split()
    judged = {
        requirement.id
        for requirement in BOOK.requirements
        if any(requirement.applies_to(one.id) and tiers.includes("smoke", one.id) for one in catalogue())
    }
    [cause] = causes(broken, judged, KNOWN)
    assert (cause.requirement, cause.fault) == (KNOWN[name].breaks[0], name if len(broken) >= FEWEST else None)


def test_a_run_that_was_never_stopped_rules_other_causes_out() -> None:
    # Seen on a server that reads no strategy and performs no cancel: `interrupted_as_success` explains some of them.
    broken = ["CAN-01", "CAN-02", "CAN-13", "INT-02", "INT-05", "INT-07", "INT-20", "RUN-05", "STR-26", "STR-41"]
    first, *_ = causes(broken, EVERYTHING, KNOWN)
    assert first.requirement == "INT-20"
    assert {"INT-02", "INT-05", "INT-07", "RUN-05"} <= set(first.explains)


def test_what_was_not_judged_does_not_speak_against_a_fault() -> None:
    # A run of a few scenarios judges few requirements.
    broken = ["INT-02", "INT-05", "INT-07", "INT-20", "RUN-05"]
    assert causes(broken, broken, KNOWN) == [
        Cause(requirement="INT-20", explains=("INT-02", "INT-05", "INT-07", "RUN-05"), fault="strategy_ignored")
    ]


def test_what_is_broken_everywhere_does_not_follow_from_a_fault_of_few_scenarios() -> None:
    # Seen on a server that answers unknown ids with 200, and whose every object lacks a field.
    broken = sorted(KNOWN["errors_as_200"].breaks)
    [cause] = causes(broken, EVERYTHING, KNOWN)
    assert (cause.requirement, "SHP-01" in cause.explains) == ("ERR-14", True)
    often = {**dict.fromkeys(broken, 2), "SHP-01": 202}
    first, *rest = causes(broken, EVERYTHING, KNOWN, often)
    assert (first.requirement, "SHP-01" in first.explains, [one.requirement for one in rest]) == (
        "ERR-14",
        False,
        ["SHP-01"],
    )


def test_what_is_in_order_speaks_against_a_fault() -> None:
    assert causes(["RUN-05"], EVERYTHING, KNOWN) == [Cause(requirement="RUN-05")]


def test_failures_without_a_common_cause_are_causes_of_their_own() -> None:
    assert causes(["CRN-01", "WHK-01"], EVERYTHING, {}) == [Cause(requirement="CRN-01"), Cause(requirement="WHK-01")]


@pytest.mark.parametrize("words", [("PASS",), ("INCONCLUSIVE",), ("ERROR",), ()])
def test_only_failures_and_warnings_have_causes(words: Sequence[Word]) -> None:
    assert grouped([result("INT-02", word) for word in words]) == []


def test_the_clearest_scenario_is_that_of_a_cause_and_declared_failures_are_left_out() -> None:
    plain, other = "interrupt/during-tools/create/unwatched", "interrupt/thrice/create/unwatched"
    declared = Result(
        requirement="RUN-02", level="MUST", scenario=plain, verdict="FAIL", reason="", known="on our list"
    )
    found = grouped(
        [result("INT-20", "FAIL", other), result("INT-20", "FAIL", plain), result("INT-02", "FAIL", plain), declared]
    )
    [group] = found
    assert [one.scenario for one in group.results] == [plain, other]
    assert (group.cause.explains, group.explained) == (("INT-02",), 1)


def test_the_clearest_failure_states_the_fewest_facts() -> None:
    plain, other = "interrupt/during-tools/create/unwatched", "interrupt/thrice/create/unwatched"
    many = msgspec.structs.replace(result("RUN-02", "FAIL", plain), expected="(1) HTTP 200, (2) an id, (3) HTTP 200")
    one = msgspec.structs.replace(result("RUN-02", "FAIL", other), expected="HTTP 200 for run A (the first)")
    [group] = grouped([many, one])
    assert [failure.scenario for failure in group.results] == [other, plain]


def test_ten_stale_entries_are_listed() -> None:
    lines = screen.stale([f"INT-{number:02} passes" for number in range(12)])
    assert len(lines) == screen.SHOWN + 1
    assert lines[-1] == "… and 2 more stale; -v shows all, and so does the report"
    assert screen.stale(["INT-02 passes"]) == ["stale: INT-02 passes"]


def test_reasons_are_cut_and_few_of_them_are_listed() -> None:
    found = [
        msgspec.structs.replace(result("INT-02", "INCONCLUSIVE"), reason=f"{number}: " + "b" * 1000)
        for number in range(5)
    ]
    lines = screen.reasons("INCONCLUSIVE", found, screen.BESIDE)
    assert lines[-1] == "… and 2 more reasons of the verdict INCONCLUSIVE"
    assert len(lines) == screen.BESIDE + 1
    assert max(map(len, lines)) < 2 * screen.LONG


def test_what_can_be_declared_absent_comes_before_what_follows_from_it() -> None:
    follows = [msgspec.structs.replace(result("RUN-01", "INCONCLUSIVE"), reason="never reported")] * 3
    hint = f"there are no crons. If so, {declare('cron/*')}"
    cause = msgspec.structs.replace(result("CRN-01", "INCONCLUSIVE"), reason=hint)
    lines = screen.reasons("INCONCLUSIVE", [*follows, cause])
    assert [hint in line for line in lines] == [True, False]


def test_failures_with_the_same_words_are_one_cause() -> None:
    refused = "expected a 2xx answer to POST /threads/search; observed HTTP 500"
    alike = [msgspec.structs.replace(result(name, "FAIL"), reason=refused) for name in ("THR-20", "THR-21", "THR-22")]
    [group] = grouped(alike)
    assert {group.cause.requirement, *group.cause.explains} == {"THR-20", "THR-21", "THR-22"}
    assert group.explained == 2
    elsewhere = msgspec.structs.replace(alike[2], scenario="cron/listed")
    assert len(grouped([*alike[:2], elsewhere])) == 2


def test_a_broken_must_comes_before_any_warning() -> None:
    should = next(one.id for one in BOOK.requirements if one.level == "SHOULD")
    found = grouped(
        [result(should, "WARN"), result(should, "WARN", "none/failed/create/late"), result("CRN-01", "FAIL")]
    )
    assert [group.cause.requirement for group in found] == ["CRN-01", should]


def test_a_status_that_is_not_listed_comes_after_what_is_broken_beside_it() -> None:
    beside = [result("CAN-04", "FAIL"), result("SHP-06", "FAIL"), result("SHP-06", "FAIL")]
    assert [group.cause.requirement for group in grouped(beside)] == ["CAN-04", "SHP-06"]
    alone = [*beside, result("SHP-06", "FAIL", "none/failed/create/late")]
    assert [group.cause.requirement for group in grouped(alone)] == ["SHP-06", "CAN-04"]


def test_the_screen_shows_ten_causes() -> None:
    alone = [name for name in KNOWN if len(KNOWN[name].breaks) == 1]
    broken = list(dict.fromkeys(KNOWN[name].breaks[0] for name in alone))[:12]
    lines = screen.causes(grouped([result(requirement, "FAIL") for requirement in broken]), {})
    heads = [line for line in lines if not line.startswith(" ")]
    assert len(heads) == screen.SHOWN + 1
    assert heads[-1] == "… and 2 more causes; -v shows every failure, and the report has all"
    assert len(lines) < 60


def test_a_cause_shows_its_command_and_what_it_explains() -> None:
    failures = [result(requirement, "FAIL") for requirement in KNOWN["strategy_ignored"].breaks]
    lines = screen.causes(grouped(failures), {failures[0].id: "curl -sS http://there"})
    assert lines[0].startswith("FAIL  INT-20 (MUST): A server that does not implement a strategy")
    assert "  repeat    curl -sS http://there" in lines
    assert any(line.startswith(f"  explains  {len(failures) - 1} more failures, of ") for line in lines)
    assert lines[-1].startswith("  resembles the known fault strategy_ignored: ")


def test_the_text_of_a_server_cannot_repaint_the_terminal() -> None:
    bad = Result(
        requirement="INT-02",
        level="MUST",
        scenario="interrupt/idle",
        verdict="FAIL",
        reason="two\x9b2J\u202elines\u2028",
        expected="one line",
        observed="\x9b2J\u202eevil\u2028",
    )
    text = "\n".join(screen.causes(grouped([bad]), {bad.id: "curl '\x1b[2J'"}))
    assert not set("\x9b\x1b\u202e\u2028") & set(text)
