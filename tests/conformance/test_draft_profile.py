"""A drafted profile declares what the reports found, and is refused until its reasons are written."""

from __future__ import annotations

import random
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
import pytest

from conformance.__main__ import main
from conformance.judge import profiles
from conformance.judge.expect import declare
from conformance.judge.judging import Word
from conformance.judge.profiles import ProfileError
from conformance.report import draft_profile
from conformance.report.report import Report, Result, summarise
from conformance.report.summary import stale_entries
from conformance.requirements import registry
from conformance.requirements.judged import requirements_in
from conformance.scenarios.catalogue import catalogue
from conformance.transcript.transcript import SuiteInfo, TargetInfo

BOOK = registry.load()
LINGERING = [s.id for s in catalogue() if s.id.startswith("interrupt/lingering/")]
PLAINEST = "interrupt/during-tools/create/unwatched"


def report(bad: dict[tuple[str, str], Word], **changed: Result) -> Report:
    """Return a report in which every verdict is PASS except those in `bad`."""
    results = [
        Result(
            requirement=r.id,
            level=r.level,
            scenario=s.id,
            verdict=bad.get((r.id, s.id), "PASS"),
            reason=f"expected rest of {r.id}; observed a “step”" if (r.id, s.id) in bad else "",
        )
        for s in catalogue()
        for r in requirements_in(s.id)
    ]
    results = [changed.get(each.requirement.replace("-", "_"), each) for each in results]
    return Report(
        suite=SuiteInfo("doubletext", "1", BOOK.revision),
        target=TargetInfo("http://there", "ours", "1.2.3"),
        summary=summarise(results),
        results=results,
    )


def test_what_fails_is_declared_by_the_broadest_pattern_that_is_true() -> None:
    everywhere = {("INT-01", s.id): "FAIL" for s in catalogue() if BOOK.get("INT-01").applies_to(s.id)}
    lingering = {("INT-07", name): "FAIL" for name in LINGERING}
    bad: dict[tuple[str, str], Word] = {**everywhere, **lingering, ("INT-02", PLAINEST): "INCONCLUSIVE"}  # type: ignore[dict-item]
    found = [(e.requirements, e.patterns, e.flaky) for e in draft_profile.entries([report(bad)])]
    assert sorted(found) == [
        (("INT-01",), ("*",), False),
        (("INT-02",), (PLAINEST,), False),
        (("INT-07",), ("interrupt/lingering/*",), False),
    ]


@pytest.mark.parametrize("fault", ["strategy_ignored", "state_lags", "list_lags"])
def test_the_failures_of_one_fault_share_few_entries(fault: str) -> None:
    """Judge the declared failures by the drafted profile: each is covered, and nothing else is."""
    broken = registry.faults()[fault].breaks
    levels = {name: BOOK.get(name).level for name in broken}
    bad: dict[tuple[str, str], Word] = {
        (name, s.id): "FAIL" if levels[name] == "MUST" else "WARN"
        for name in broken
        for s in catalogue()
        if BOOK.get(name).applies_to(s.id) and levels[name] != "PROFILE" and not s.id.startswith("cron/")
    }
    made = report(bad)
    assert len(draft_profile.entries([made])) <= 30
    profile = profiles.parse(draft_profile.draft([made]).replace('reason = ""', 'reason = "a bug"'), "draft")
    covered = {(r.requirement, r.scenario) for r in made.results if profile.known_failure(r.requirement, r.scenario)}
    assert covered == bad.keys()


def test_what_a_reason_proposes_to_declare_absent_is_drafted_as_absent() -> None:
    """Load the draft: it accepts every verdict of the scenarios that need what the deployment does not offer."""
    reason = f"the deployment seems to have no crons (HTTP 405). If so, {declare('cron/*')}"
    crons: dict[tuple[str, str], Word] = {
        (r.id, s.id): "INCONCLUSIVE" if r.id.startswith("CRN") else "FAIL"
        for s in catalogue()
        for r in BOOK.requirements
        if s.id.startswith("cron/") and r.id in ("CRN-01", "CRN-02", "SHP-06") and r.applies_to(s.id)
    }
    made = report(crons, CRN_01=next(r for r in report(crons).results if r.requirement == "CRN-01"))
    made.results[:] = [
        msgspec.structs.replace(r, reason=reason) if r.verdict == "INCONCLUSIVE" else r for r in made.results
    ]
    assert draft_profile.entries([made]) == []
    profile = profiles.parse(draft_profile.draft([made]).replace('reason = ""', 'reason = "no crons"'), "draft")
    assert [(one.names, one.patterns) for one in profile.absent] == [((), ("cron/*",))]
    assert all(profile.absence(r.requirement, r.scenario) for r in made.results if r.scenario.startswith("cron/"))


def test_what_is_unproven_where_something_fails_shares_its_entry() -> None:
    bad: dict[tuple[str, str], Word] = {("INT-02", PLAINEST): "FAIL", ("PST-01", PLAINEST): "INCONCLUSIVE"}
    [entry] = draft_profile.entries([report(bad)])
    assert (entry.requirements, entry.patterns) == (("INT-02", "PST-01"), (PLAINEST,))
    assert entry.examples[0].verdict == "FAIL"
    # What fails besides is another failure.
    found = draft_profile.entries([report({**bad, ("PST-01", PLAINEST): "FAIL"})])
    assert [one.requirements for one in found] == [("INT-02",), ("PST-01",)]


def test_what_fails_in_some_reports_only_is_flaky() -> None:
    always: dict[tuple[str, str], Word] = {("INT-02", PLAINEST): "FAIL"}
    found = draft_profile.entries([report({**always, ("INT-07", PLAINEST): "WARN"}), report(always), report(always)])
    assert sorted((e.requirements, e.flaky, e.bad, e.judged) for e in found) == [
        (("INT-02",), False, 3, 3),
        (("INT-07",), True, 1, 3),
    ]


def test_two_reports_do_not_show_what_is_flaky() -> None:
    found = draft_profile.entries([report({("INT-07", PLAINEST): "WARN"}), report({})])
    assert [(e.requirements, e.flaky, e.bad, e.judged) for e in found] == [(("INT-07",), False, 1, 2)]


def test_what_could_not_be_judged_in_a_broken_play_is_one_entry() -> None:
    """Break a play off, in which every verdict is unproven, beside failures of several causes in another play."""
    lost = "none/large/stream/streamed"
    bad: dict[tuple[str, str], Word] = {
        (r.id, lost): "INCONCLUSIVE" for r in BOOK.requirements if r.level != "PROFILE" and r.applies_to(lost)
    }
    own = [("CHK-01", PLAINEST), ("INT-02", PLAINEST), ("RUN-05", PLAINEST)]
    [*others, broken] = draft_profile.entries([report({**bad, **dict.fromkeys(own, "FAIL")})])
    assert {one.patterns for one in others} == {(PLAINEST,)}
    assert {name for one in others for name in one.requirements} == {"CHK-01", "INT-02", "RUN-05"}
    assert set(broken.requirements) == {name for name, _ in bad}
    assert broken.patterns == (lost,)


def test_no_more_causes_share_an_entry_than_must() -> None:
    """Break requirements that no known fault explains together, each in two scenarios of its own."""
    known = registry.faults().values()
    alone = [r for r in BOOK.requirements if r.level != "PROFILE" and sum(r.id in one.breaks for one in known) < 2]
    bad: dict[tuple[str, str], Word] = {}
    used: set[str] = set()
    for rule in alone:
        free = [s.id for s in catalogue() if rule.applies_to(s.id) and s.id not in used][:2]
        if len(free) == 2 and len(bad) < 2 * draft_profile.FEW:
            used.update(free)
            bad |= dict.fromkeys([(rule.id, name) for name in free], "FAIL")
    few = draft_profile.entries([report(bad)])
    assert len(few) == draft_profile.FEW
    assert {len(one.examples) for one in few} == {1}
    # The same scenarios as those of another one, so that the two can share an entry.
    first = next(rule for rule, _ in bad)
    scenarios = [name for rule, name in bad if rule == first]
    judged = [r for r in BOOK.requirements if r.id != first and all(map(r.applies_to, scenarios))]
    more = next(r.id for r in judged if r not in alone and r.level != "PROFILE")
    found = draft_profile.entries([report(bad | dict.fromkeys([(more, name) for name in scenarios], "FAIL"))])
    assert len(found) == draft_profile.FEW
    assert sorted(len(one.examples) for one in found) == [1] * (draft_profile.FEW - 1) + [2]


def test_the_worst_server_gets_few_entries() -> None:
    """Draw failures of many faults, of which half differ between three runs, and declare them all."""
    names = sorted({rule for fault in registry.faults().values() for rule in fault.breaks})
    drawn = random.Random(15)
    always = {name: drawn.choice(["*", "interrupt/*", "cancel/*", "rollback/*"]) for name in names}

    def bad() -> dict[tuple[str, str], Word]:
        found: dict[tuple[str, str], Word] = {
            (r.id, s.id): "FAIL"
            for r in BOOK.requirements
            for s in catalogue()
            if r.level != "PROFILE"
            and r.applies_to(s.id)
            and fnmatchcase(s.id, always.get(r.id, "none/*"))
            and (names.index(r.id) % 2 if r.id in names else drawn.random() < 0.5)
        }
        here = [name for name in names if drawn.random() < 0.3 and BOOK.get(name).applies_to(PLAINEST)]
        return found | dict.fromkeys([(name, PLAINEST) for name in here], "FAIL")

    made = [report(bad()) for _ in range(3)]
    assert len(draft_profile.entries(made)) <= draft_profile.FEW
    profile = profiles.parse(draft_profile.draft(made).replace('reason = ""', 'reason = "a bug"'), "draft")
    for one in made:
        red = {(r.requirement, r.scenario) for r in one.results if r.verdict == "FAIL"}
        assert all(profile.known_failure(*each) for each in red)
        assert stale_entries(profile, one.results) == []


def test_a_draft_is_refused_until_every_reason_is_written() -> None:
    text = draft_profile.draft([report({("INT-02", PLAINEST): "FAIL", ("INT-03", PLAINEST): "FAIL"})])
    for requirement in ("INT-02", "INT-03"):
        with pytest.raises(ProfileError, match=rf"draft:\d+: the known failure of {requirement} needs a reason"):
            profiles.parse(text, "draft")
        text = text.replace('reason = ""', 'reason = "we do not"', 1)
    profile = profiles.parse(text, "draft")
    assert profile.known_failure("INT-02", PLAINEST) == "we do not"
    assert (profile.name, profile.server, profile.versions) == ("ours", "ours", "==1.2.*")


def test_what_was_declared_already_keeps_its_reason() -> None:
    known = Result(
        requirement="INT-02", level="MUST", scenario=PLAINEST, verdict="FAIL", reason="", known='we "never" do\x7f'
    )
    absent = Result(
        requirement="WHK", level="MUST", scenario=PLAINEST, verdict="NOT-APPLICABLE", reason="declared absent: no"
    )
    absent = msgspec.structs.replace(absent, requirement="PST-05")
    freedom = Result(
        requirement="RUN-07", level="PROFILE", scenario="default", verdict="FAIL", reason="", freedom="reject"
    )
    made = msgspec.structs.replace(report({}), results=[known, absent, freedom])
    profile = profiles.parse(draft_profile.draft([made], name="mine"), "draft")
    assert profile.name == "mine"
    assert profile.known_failure("INT-02", PLAINEST) == 'we "never" do\x7f'
    assert profile.absence("PST-05", PLAINEST) == "no"
    assert profile.freedoms == {"RUN-07": "reject"}


@pytest.mark.parametrize(
    "declared", ['strategy = "rollback"', 'scenario = "cron/*"', 'requirements = ["CRN-01", "CRN-02"]']
)
def test_what_is_declared_absent_stays_one_entry(declared: str) -> None:
    entry = f'[[absent]]\n{declared}\nreason = "not offered"\n'
    profile = profiles.parse(f'name = "ours"\n{entry}', "ours")
    made = report({})
    results = [
        msgspec.structs.replace(r, verdict="NOT-APPLICABLE", reason=f"declared absent: {why}")
        if (why := profile.absence(r.requirement, r.scenario))
        else r
        for r in made.results
    ]
    assert entry in draft_profile.draft([msgspec.structs.replace(made, results=results)])


def test_a_documented_freedom_and_an_error_of_the_suite_are_not_declared() -> None:
    documented = Result(
        requirement="RUN-07", level="PROFILE", scenario="default", verdict="PASS", reason="", freedom="enqueue"
    )
    error = Result(requirement="INT-02", level="MUST", scenario=PLAINEST, verdict="ERROR", reason="oh")
    text = draft_profile.draft([msgspec.structs.replace(report({}), results=[documented, error])])
    assert profiles.parse(text, "draft") == profiles.Profile(name="ours", server="ours", versions="==1.2.*")


def test_a_freedom_that_was_never_observed_is_drafted_as_absent() -> None:
    unseen = Result(
        requirement="CAN-08", level="PROFILE", scenario="default", verdict="INCONCLUSIVE", reason="it was not answered"
    )
    text = draft_profile.draft([msgspec.structs.replace(report({}), results=[unseen])])
    with pytest.raises(ProfileError, match="the absence of CAN-08 needs a reason"):
        profiles.parse(text, "draft")
    assert "# INCONCLUSIVE: it was not answered\n" in text
    profile = profiles.parse(text.replace('reason = ""', 'reason = "there is no cancel"'), "draft")
    assert profile.absence("CAN-08", "cancel/finished/interrupt/unwatched") == "there is no cancel"


def test_the_command_prints_a_draft(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_bytes(msgspec.json.encode(report({("INT-02", PLAINEST): "FAIL"})))
    code = main(["profile", "--from", str(tmp_path / "one"), "--report", str(tmp_path / "two" / "report.json")])
    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("# Drafted by doubletext from 2 reports.")
    assert "2 of 2 verdicts, for example interrupt/during-tools/create/unwatched::INT-02" in out


def test_a_file_that_is_no_report_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text("{}")
    assert main(["profile", "--from", str(tmp_path)]) == 2
    assert main(["profile", "--from", str(tmp_path / "absent.json")]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"conformance profile: {tmp_path / 'report.json'}: ")
    assert second.startswith(f"conformance profile: {tmp_path / 'absent.json'}: cannot be read: ")
