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
from tests.conformance.plays import SUITE

BOOK = registry.load()
TOOLS = "interrupt/during-tools/create/unwatched"
QUEUED = "enqueue/during-tools/create/unwatched"
ROLLED_BACK = "rollback/during-tools/create/unwatched"
ANSWER = "interrupt/during-answer/create/unwatched"
PENDING = "interrupt/pending/create/unwatched"
LINGERING = "interrupt/lingering/create/unwatched"
RECONNECTED = "none/during-tools/stream/reconnected"
PARKED = "interrupt/parked/create/unwatched"

CASES: list[tuple[str, str, set[str]]] = [
    ("strategy_ignored", TOOLS, {"INT-20", "RUN-05", "INT-02"}),
    ("interrupt_as_enqueue", TOOLS, {"INT-02", "INT-20"}),
    ("interrupt_as_reject", TOOLS, {"INT-01"}),
    ("ghost_run", TOOLS, {"INT-18", "INT-08", "INT-07", "RUN-05"}),
    ("overlap_start", TOOLS, {"INT-07", "RUN-05"}),
    ("late_checkpoint", TOOLS, {"INT-08", "CHK-01"}),
    ("success_overwrite", TOOLS, {"RUN-03", "INT-02"}),
    ("interrupted_as_error", TOOLS, {"INT-02"}),
    ("foreign_status", TOOLS, {"RUN-01", "RUN-08", "INT-02"}),
    ("zombie_running", TOOLS, {"INT-02"}),
    ("thread_stuck_busy", TOOLS, {"THR-03", "THR-08"}),
    ("thread_idle_too_early", LINGERING, {"THR-02"}),
    ("thread_idle_too_early", TOOLS, {"THR-10"}),
    ("thread_values_cleared", TOOLS, {"PST-08"}),
    ("partial_lost", TOOLS, {"PST-01", "PST-02", "INT-05", "CHK-03"}),
    ("partial_tokens_persisted", ANSWER, {"PST-03", "INT-05"}),
    ("toolcall_stripped", TOOLS, {"PST-04", "PST-01", "INT-05"}),
    ("second_input_lost", "interrupt/at-once/create/unwatched", {"INT-21", "INT-04", "PST-10"}),
    ("second_input_duplicated", TOOLS, {"PST-10", "INT-05"}),
    ("resume_parked_node", PARKED, {"PST-12"}),
    ("wrong_parent", TOOLS, {"CHK-01", "INT-06"}),
    ("first_inflight_only", PENDING, {"INT-09", "INT-10"}),
    ("rapid_fire_drop", "interrupt/thrice/create/unwatched", {"INT-16", "INT-09"}),
    ("state_write_while_busy", "none/during-tools/create/unwatched/update-state", {"CHK-07"}),
    ("default_reject", "default/during-tools/create/unwatched", {"RUN-07"}),
    ("interrupt_as_rollback", TOOLS, {"INT-03", "PST-01", "PST-02", "CHK-03"}),
    ("pending_superseded_executes", PENDING, {"INT-10"}),
    ("inflight_strategy_wins", f"{TOOLS}/first-reject", {"INT-15"}),
    ("inflight_strategy_wins", f"{TOOLS}/first-rollback", {"INT-15"}),
    ("cross_thread_interrupt", f"{TOOLS}/elsewhere", {"INT-13"}),
    ("idle_conflict", "interrupt/idle/create/unwatched", {"INT-12"}),
    ("error_swallowed", "interrupt/failed/create/unwatched", {"THR-07"}),
    ("foreign_thread_status", TOOLS, {"THR-01"}),
    ("enqueue_parallel", QUEUED, {"ENQ-01", "RUN-05"}),
    ("queue_lifo", "enqueue/pending/create/unwatched", {"ENQ-02"}),
    ("queue_stale_base", QUEUED, {"ENQ-04", "ENQ-03", "CHK-01"}),
    ("queue_stranded", "enqueue/failing/create/unwatched", {"ENQ-05"}),
    ("reject_kills_first", "reject/during-tools/create/unwatched", {"REJ-02"}),
    ("idle_conflict", "reject/finished/create/unwatched", {"REJ-04"}),
    ("rollback_too_little_run", ROLLED_BACK, {"RBK-01"}),
    ("rollback_too_little_checkpoints", ROLLED_BACK, {"RBK-02", "RBK-03"}),
    ("rollback_too_much", f"{ROLLED_BACK}/second-turn", {"RBK-04"}),
    ("rollback_messages_only", ROLLED_BACK, {"RBK-07"}),
    ("rollback_running_errors", ROLLED_BACK, {"RBK-06", "RBK-01"}),
    ("overlap_start", ROLLED_BACK, {"CON-07", "RUN-05"}),
    ("first_inflight_only", "rollback/pending/create/unwatched", {"RBK-11", "RBK-08"}),
    ("stream_never_closes", "interrupt/during-tools/create/streamed", {"STR-02"}),
    ("rejoin_never_ends", RECONNECTED, {"STR-09"}),
    ("late_stream_never_ends", "none/finished/create/late", {"STR-27"}),
    ("join_hang", TOOLS, {"STR-05"}),
    ("join_hang", ROLLED_BACK, {"STR-19"}),
    ("finished_join_hangs", "none/finished/create/late", {"STR-04"}),
    ("error_swallowed", "none/failed/create/late", {"STR-06"}),
    ("interrupt_streams_error", "interrupt/during-tools/create/streamed", {"STR-03"}),
    ("wrong_run_values", "interrupt/during-answer/create/waited", {"STR-16"}),
    ("cross_run_events", "interrupt/during-tools/stream/unwatched", {"STR-14", "STR-26"}),
    ("joiner_steals", "none/during-answer/create/two-joined", {"STR-07"}),
    ("duplicate_event_ids", RECONNECTED, {"STR-10"}),
    ("replay_missing", RECONNECTED, {"STR-08"}),
    ("join_replays_everything", "interrupt/during-tools/create/join-streamed", {"STR-22"}),
    ("resume_repeats", RECONNECTED, {"STR-23"}),
    ("queued_stream_closes", "enqueue/during-tools/stream/unwatched", {"STR-15"}),
    ("late_metadata", "interrupt/during-tools/create/streamed", {"STR-01"}),
    ("events_after_end", "interrupt/during-tools/create/streamed", {"STR-18"}),
    ("call_not_streamed", "interrupt/during-tools/create/streamed", {"STR-26"}),
    ("stream_mode_ignored", "none/during-tools/stream/streamed/updates", {"STR-25"}),
    ("wait_answers_early", "interrupt/during-tools/create/joined", {"STR-29"}),
    ("wait_answers_early", "interrupt/during-answer/create/waited", {"STR-29"}),
    ("wait_answers_early", "interrupt/during-tools/wait/unwatched", {"STR-28"}),
    ("run_not_named", "interrupt/during-tools/create/streamed", {"STR-30"}),
    ("stream_buffered", "none/during-tools/stream/streamed/updates", {"STR-31"}),
    ("repeated_token_lost", "none/during-tools/stream/streamed/messages-tuple", {"STR-32"}),
    ("joiner_steals", "none/during-answer/create/two-joined/one-leaves", {"STR-07"}),
    ("queued_stream_closes", "enqueue/during-tools/create/unwatched/joined-queued", {"STR-15"}),
    ("thread_stuck_busy", "leave/during-tools/stream/cancel", {"THR-06"}),
    ("join_drops_subgraphs", "none/in-child/create/two-joined", {"STR-11"}),
    ("one_mode_only", "none/during-tools/create/join-streamed/several-modes", {"STR-33"}),
    ("backpressure_stall", "none/during-answer/stream/stalled", {"STR-21"}),
    ("disconnect_inverted", "leave/during-tools/stream/default", {"STR-12"}),
    ("disconnect_inverted", "leave/during-tools/stream/cancel", {"STR-24"}),
    ("disconnect_inverted", "leave/during-tools/join-stream/default", {"STR-13"}),
    ("disconnect_inverted", "leave/during-tools/join/cancel", {"STR-13"}),
    ("partial_lost", "interrupt/during-tools/create/streamed", {"CLI-04"}),
    ("checkpoint_ignored", "none/cancelled/create/unwatched/from-checkpoint", {"CHK-06"}),
    ("invalid_strategy_coerced", "bad-input/runs/create", {"ERR-01"}),
    ("missing_thread_conflict", "bad-input/missing-thread", {"ERR-02"}),
    ("missing_thread_conflict", "reject/missing-thread/create/unwatched", {"REJ-07"}),
    ("unknown_id_2xx", "bad-input/malformed-ids", {"ERR-04"}),
    ("unknown_id_2xx", "bad-input/unknown-ids", {"ERR-14"}),
    ("unknown_assistant_accepted", "bad-input/runs/create", {"ERR-03"}),
    ("cancel_500", "cancel/during-tools/interrupt/unwatched", {"CAN-05", "ERR-06"}),
    ("created_201", TOOLS, {"RUN-02"}),
    ("bulk_cancel_mix", "bad-input/bulk-cancel", {"ERR-13"}),
    ("invalid_as_400", "bad-input/runs/wait", {"ERR-07"}),
    ("invalid_as_500", "bad-input/runs/stream", {"ERR-08"}),
    ("refusal_without_words", "bad-input/busy", {"ERR-15"}),
    ("broken_body_accepted", "bad-input/runs/create", {"ERR-09"}),
    ("broken_body_accepted", "bad-input/stateless/create", {"ERR-09"}),
    ("wrong_fields_dropped", "bad-input/runs/create", {"ERR-10"}),
    ("wrong_fields_dropped", "bad-input/stateless/stream", {"ERR-10"}),
    ("refusal_leaves_run", "bad-input/runs/create", {"ERR-11"}),
    ("unknown_filter_ignored", "bad-input/reads", {"ERR-12"}),
    ("if_not_exists_ignored", "missing-thread/stream", {"ERR-16"}),
    ("delay_ignored", "none/delayed/create/unwatched", {"RUN-20"}),
    ("stateless_contend", "stateless/two-at-once", {"STL-01"}),
    ("stateless_output_lost", "stateless/wait", {"STL-04"}),
    ("stateless_shared", "stateless/create", {"STL-02"}),
    ("stateless_disconnect_ignored", "stateless/left-cancel", {"STL-03"}),
    ("webhook_missing_or_double", "webhook/interrupted", {"WHK-01"}),
    ("webhook_missing_or_double", "webhook/finished", {"WHK-05"}),
    ("webhook_out_of_order", "webhook/interrupted", {"WHK-02"}),
    ("webhook_failure_spoils_run", "webhook/failing-listener", {"WHK-03"}),
    ("cron_strategy_ignored", "cron/busy-thread", {"CRN-02"}),
    ("cron_strategy_lost", "cron/made-and-deleted", {"CRN-01"}),
    ("cron_stays", "cron/made-and-deleted", {"CRN-04"}),
    ("invalid_as_500", "cron/bad-input", {"CRN-03"}),
]


@pytest.mark.parametrize(("defect", "scenario", "due"), CASES)
def test_a_wrong_deployment_is_found_out(defect: str, scenario: str, due: set[str]) -> None:
    found = next(s for s in catalogue() if s.id == scenario)
    session = Session(suite=SUITE, jobs=1, witness_host=None)
    session.start()
    try:
        url = session.embed_mock(defects=[defect])
        target = Target(url=url, assistant="agent", headers={}, profile=None, deadlines=Deadlines().scaled(0.1))
        play = Play(session.transcript(target, found))
    finally:
        session.stop()
    verdicts = {r.id: judge(r, play, NOTHING_DECLARED) for r in BOOK.requirements if r.applies_to(scenario)}
    broken = {name for name, verdict in verdicts.items() if verdict.word in ("FAIL", "WARN")}
    assert due <= broken
    assert "ERROR" not in {verdict.word for verdict in verdicts.values()}
