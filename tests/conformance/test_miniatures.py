"""The suite against deployments that are wrong in one known way each: what it reports, and under which requirement."""

from __future__ import annotations

import pytest

from conformance import registry
from conformance.catalogue import catalogue
from conformance.deadlines import Deadlines
from conformance.evidence import Play
from conformance.profiles import NOTHING_DECLARED
from conformance.session import Session
from conformance.target import Target
from conformance.verdicts import judge
from mockserver.rules import Rules
from tests.conformance import miniatures as m
from tests.conformance.plays import SUITE

BOOK = registry.load()
TOOLS = "interrupt/during-tools/create/unwatched"
QUEUED = "enqueue/during-tools/create/unwatched"
ROLLED_BACK = "rollback/during-tools/create/unwatched"
ANSWER = "interrupt/during-answer/create/unwatched"
PENDING = "interrupt/pending/create/unwatched"
LINGERING = "interrupt/lingering/create/unwatched"
PARKED = "interrupt/parked/create/unwatched"

CASES: list[tuple[Rules, str, set[str]]] = [
    (m.StrategyIgnored(), TOOLS, {"INT-20", "RUN-05", "INT-02"}),
    (m.InterruptAsEnqueue(), TOOLS, {"INT-02", "INT-20"}),
    (m.InterruptAsReject(), TOOLS, {"INT-01"}),
    (m.GhostRun(), TOOLS, {"INT-18", "INT-08", "INT-07", "RUN-05"}),
    (m.OverlapStart(), TOOLS, {"INT-07", "RUN-05"}),
    (m.LateCheckpoint(), TOOLS, {"INT-08", "CHK-01"}),
    (m.SuccessOverwrite(), TOOLS, {"RUN-03", "INT-02"}),
    (m.InterruptedAsError(), TOOLS, {"INT-02"}),
    (m.ForeignStatus(), TOOLS, {"RUN-01", "RUN-08", "INT-02"}),
    (m.ZombieRunning(), TOOLS, {"INT-02"}),
    (m.ThreadStuckBusy(), TOOLS, {"THR-03", "THR-08"}),
    (m.ThreadIdleTooEarly(), LINGERING, {"THR-02"}),
    (m.ThreadIdleTooEarly(), TOOLS, {"THR-10"}),
    (m.ThreadValuesCleared(), TOOLS, {"PST-08"}),
    (m.PartialLost(), TOOLS, {"PST-01", "PST-02", "INT-05", "CHK-03"}),
    (m.PartialTokensPersisted(), ANSWER, {"PST-03", "INT-05"}),
    (m.ToolCallStripped(), TOOLS, {"PST-04", "PST-01", "INT-05"}),
    (m.SecondInputLost(), "interrupt/at-once/create/unwatched", {"INT-21", "INT-04", "PST-10"}),
    (m.SecondInputDuplicated(), TOOLS, {"PST-10", "INT-05"}),
    (m.ResumeParkedNode(), PARKED, {"PST-12"}),
    (m.WrongParent(), TOOLS, {"CHK-01", "INT-06"}),
    (m.FirstInFlightOnly(), PENDING, {"INT-09", "INT-10"}),
    (m.RapidFireDrop(), "interrupt/thrice/create/unwatched", {"INT-16", "INT-09"}),
    (m.StateWriteWhileBusy(), "none/during-tools/create/unwatched/update-state", {"CHK-07"}),
    (m.DefaultReject(), "default/during-tools/create/unwatched", {"RUN-07"}),
    (m.InterruptAsRollback(), TOOLS, {"INT-03", "PST-01", "PST-02", "CHK-03"}),
    (m.PendingSupersededExecutes(), PENDING, {"INT-10"}),
    (m.InFlightStrategyWins(), f"{TOOLS}/first-reject", {"INT-15"}),
    (m.InFlightStrategyWins(), f"{TOOLS}/first-rollback", {"INT-15"}),
    (m.CrossThreadInterrupt(), f"{TOOLS}/elsewhere", {"INT-13"}),
    (m.IdleConflict(), "interrupt/idle/create/unwatched", {"INT-12"}),
    (m.ErrorSwallowed(), "interrupt/failed/create/unwatched", {"THR-07"}),
    (m.ForeignThreadStatus(), TOOLS, {"THR-01"}),
    (m.EnqueueParallel(), QUEUED, {"ENQ-01", "RUN-05"}),
    (m.QueueLifo(), "enqueue/pending/create/unwatched", {"ENQ-02"}),
    (m.QueueStaleBase(), QUEUED, {"ENQ-04", "ENQ-03", "CHK-01"}),
    (m.QueueStranded(), "enqueue/failing/create/unwatched", {"ENQ-05"}),
    (m.RejectBlindToPending(), "reject/at-once/create/unwatched", {"REJ-05"}),
    (m.RejectKillsFirst(), "reject/during-tools/create/unwatched", {"REJ-02"}),
    (m.IdleConflict(), "reject/finished/create/unwatched", {"REJ-04"}),
    (m.RollbackKeepsTheRun(), ROLLED_BACK, {"RBK-01"}),
    (m.RollbackKeepsCheckpoints(), ROLLED_BACK, {"RBK-02", "RBK-03"}),
    (m.RollbackTakesEverything(), f"{ROLLED_BACK}/second-turn", {"RBK-04"}),
    (m.RollbackMessagesOnly(), ROLLED_BACK, {"RBK-07"}),
    (m.RollbackErrors(), ROLLED_BACK, {"RBK-06", "RBK-01"}),
    (m.OverlapStart(), ROLLED_BACK, {"CON-07", "RUN-05"}),
    (m.FirstInFlightOnly(), "rollback/pending/create/unwatched", {"RBK-11", "RBK-08"}),
]


@pytest.mark.parametrize(
    ("rules", "scenario", "due"), CASES, ids=lambda v: type(v).__name__ if isinstance(v, Rules) else ""
)
def test_a_wrong_deployment_is_found_out(rules: Rules, scenario: str, due: set[str]) -> None:
    found = next(s for s in catalogue() if s.id == scenario)
    session = Session(suite=SUITE, jobs=1, witness_host=None)
    session.start()
    try:
        url = session.embed_mock(rules=rules)
        target = Target(url=url, assistant="agent", headers={}, profile=None, deadlines=Deadlines().scaled(0.1))
        play = Play(session.transcript(target, found))
    finally:
        session.stop()
    verdicts = {r.id: judge(r, play, NOTHING_DECLARED) for r in BOOK.requirements if r.applies_to(scenario)}
    broken = {name for name, verdict in verdicts.items() if verdict.word in ("FAIL", "WARN")}
    assert due <= broken
    assert "ERROR" not in {verdict.word for verdict in verdicts.values()}
