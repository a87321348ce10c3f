"""The suite against deployments that get one thing wrong each: what it reports, under which requirement, and why."""

from __future__ import annotations

import re

import pytest

from mockserver.defects import defects
from tests.conformance.killing import play_wrong
from tests.conformance.survivors import UNDETECTED

TOOLS = "interrupt/during-tools/create/unwatched"
QUEUED = "enqueue/during-tools/create/unwatched"
ROLLED_BACK = "rollback/during-tools/create/unwatched"
ANSWER = "interrupt/during-answer/create/unwatched"
PENDING = "interrupt/pending/create/unwatched"
LINGERING = "interrupt/lingering/create/unwatched"
RECONNECTED = "none/during-tools/stream/reconnected"
PARKED = "interrupt/parked/create/unwatched"
STREAMED = "interrupt/during-tools/create/streamed"

CASES: list[tuple[str, str, dict[str, str]]] = [
    (
        "strategy_ignored",
        TOOLS,
        {
            "INT-02": "`success`",
            "INT-20": "run A, in flight when run B was accepted, continued to",
            "RUN-05": "run B entered its first step, and a step of run A reported",
        },
    ),
    (
        "interrupt_as_enqueue",
        TOOLS,
        {"INT-02": "`success`", "INT-20": "run A, in flight when run B was accepted, continued to"},
    ),
    ("enqueue_as_reject", QUEUED, {"ENQ-10": "HTTP 409"}),
    ("rollback_as_reject", "rollback/during-tools/create/unwatched", {"RBK-13": "HTTP 409"}),
    ("interrupt_as_reject", TOOLS, {"INT-01": "HTTP 409"}),
    (
        "ghost_run",
        TOOLS,
        {
            "INT-07": "run B entered agent:1 while tools:1 of run A was still",
            "INT-08": "of run A after it",
            "INT-18": "tools:1 reported `exit` after that",
            "RUN-05": "run B entered its first step, and a step of run A reported",
        },
    ),
    (
        "overlap_start",
        TOOLS,
        {
            "INT-07": "run B entered agent:1 while tools:1 of run A was still",
            "RUN-05": "run B entered its first step, and a step of run A reported",
        },
    ),
    ("late_checkpoint", TOOLS, {"CHK-01": "is 2 places below", "INT-08": "of run A after it"}),
    ("success_overwrite", TOOLS, {"INT-02": "`success`", "RUN-03": "`success` later"}),
    ("interrupted_as_error", TOOLS, {"INT-02": "`error`"}),
    ("foreign_status", TOOLS, {"INT-02": "`cancelled`", "RUN-01": "`cancelled`", "RUN-08": "`cancelled`"}),
    ("zombie_running", TOOLS, {"INT-02": "`running`"}),
    ("thread_stuck_busy", TOOLS, {"THR-03": "`busy`", "THR-08": "`busy`"}),
    ("thread_idle_too_early", LINGERING, {"THR-02": "`idle`"}),
    ("thread_idle_too_early", TOOLS, {"THR-10": "`idle`"}),
    ("thread_values_cleared", TOOLS, {"PST-08": "`null`"}),
    (
        "partial_lost",
        TOOLS,
        {
            "CHK-03": "none",
            "INT-05": "[B.human B.call B.result B.answer]",
            "PST-01": "no A.call in [B.human B.call B.result B.answer",
            "PST-02": "no A.human in [B.human B.call B.result B.answer",
        },
    ),
    (
        "partial_tokens_persisted",
        ANSWER,
        {
            "INT-05": "[A.human A.call A.result A.fragment B.human B.call",
            "PST-03": "A.human A.call A.result A.fragment B.human B.call",
        },
    ),
    (
        "toolcall_stripped",
        TOOLS,
        {
            "INT-05": "[A.human B.human B.call B.result B.answer]",
            "PST-01": "no A.call in [A.human B.human B.call B.result B.answer",
            "PST-04": "A.human B.human B.call B.result B.answer",
        },
    ),
    (
        "second_input_lost",
        "interrupt/at-once/create/unwatched",
        {
            "INT-21": "0 times in [A.human A.call A.result A.answer",
            "PST-10": "0 times in [A.human A.call A.result A.answer",
        },
    ),
    (
        "second_input_duplicated",
        TOOLS,
        {
            "INT-05": "[A.human A.call B.human B.human B.call B.result B.answer]",
            "PST-10": "2 times in [A.human A.call B.human B.human B.call",
        },
    ),
    ("resume_parked_node", PARKED, {"PST-12": "run B began with tools:1"}),
    ("wrong_parent", TOOLS, {"CHK-01": "is 3 places below", "INT-06": "its parent is"}),
    ("first_inflight_only", PENDING, {"INT-09": "`success`", "INT-10": "run A entered agent:1"}),
    ("rapid_fire_drop", "interrupt/thrice/create/unwatched", {"INT-09": "`pending`", "INT-16": "`pending`"}),
    ("state_write_while_busy", "none/during-tools/create/unwatched/update-state", {"CHK-07": "HTTP 200"}),
    (
        "default_reject",
        "default/during-tools/create/unwatched",
        {"RUN-07": "`reject`. If that is intended, declare it in the profile under [freedoms]:"},
    ),
    (
        "interrupt_as_rollback",
        TOOLS,
        {
            "CHK-03": "none",
            "INT-03": "404",
            "PST-01": "no A.call in [B.human B.call B.result B.answer",
            "PST-02": "no A.human in [B.human B.call B.result B.answer",
        },
    ),
    ("pending_superseded_executes", PENDING, {"INT-10": "run A entered agent:1"}),
    ("inflight_strategy_wins", "interrupt/during-tools/create/unwatched/first-reject", {"INT-15": "HTTP 409"}),
    ("inflight_strategy_wins", "interrupt/during-tools/create/unwatched/first-rollback", {"INT-15": "404"}),
    ("cross_thread_interrupt", "interrupt/during-tools/create/unwatched/elsewhere", {"INT-13": "`interrupted`"}),
    ("idle_conflict", "interrupt/idle/create/unwatched", {"INT-12": "HTTP 409"}),
    ("error_swallowed", "interrupt/failed/create/unwatched", {"THR-07": "`interrupted`"}),
    ("foreign_thread_status", TOOLS, {"THR-01": "`running`"}),
    (
        "enqueue_parallel",
        QUEUED,
        {
            "ENQ-01": "run B entered its first step, and a step of the run ahead reported",
            "RUN-05": "run B entered its first step, and a step of run A reported",
        },
    ),
    ("queue_lifo", "enqueue/pending/create/unwatched", {"ENQ-02": "Z B A"}),
    (
        "queue_stale_base",
        QUEUED,
        {
            "CHK-01": "is 3 places below",
            "ENQ-03": "[A.human A.call B.human B.call B.result B.answer]",
            "ENQ-04": "its parent is",
        },
    ),
    ("queue_stranded", "enqueue/failing/create/unwatched", {"ENQ-05": "`pending`"}),
    ("reject_kills_first", "reject/during-tools/create/unwatched", {"REJ-02": "`interrupted`"}),
    ("idle_conflict", "reject/finished/create/unwatched", {"REJ-04": "HTTP 409"}),
    ("rollback_too_little_run", ROLLED_BACK, {"RBK-01": "`interrupted`"}),
    (
        "rollback_too_little_checkpoints",
        ROLLED_BACK,
        {
            "RBK-02": "[A.human A.call B.human B.call B.result B.answer]",
            "RBK-03": "of run B: A.human A.call B.human B.call B.result B.answer",
        },
    ),
    ("rollback_too_much", "rollback/during-tools/create/unwatched/second-turn", {"RBK-04": "gone"}),
    ("rollback_messages_only", ROLLED_BACK, {"RBK-07": "A/agent:1"}),
    ("rollback_running_errors", ROLLED_BACK, {"RBK-01": "`error`", "RBK-06": "`error`"}),
    (
        "overlap_start",
        ROLLED_BACK,
        {
            "CON-07": "run B entered agent:1 while tools:1 of run A was still",
            "RUN-05": "run B entered its first step, and a step of run A reported",
        },
    ),
    (
        "first_inflight_only",
        "rollback/pending/create/unwatched",
        {"RBK-08": "run A entered agent:1", "RBK-11": "`success`"},
    ),
    ("stream_never_closes", STREAMED, {"STR-02": "it was still open at the end of the play"}),
    ("rejoin_never_ends", RECONNECTED, {"STR-09": "it was still open at the end of the play"}),
    (
        "late_stream_never_ends",
        "none/finished/create/late",
        {"STR-27": "a stream that was still open at the end of the play"},
    ),
    ("join_hang", TOOLS, {"STR-05": "abandoned without whole answer"}),
    ("join_hang", ROLLED_BACK, {"STR-19": "abandoned without answer"}),
    ("finished_join_hangs", "none/finished/create/late", {"STR-04": "abandoned without answer"}),
    ("error_swallowed", "none/failed/create/late", {"STR-06": 'values with the channels ["messages","steps"]'}),
    ("interrupt_streams_error", STREAMED, {"STR-03": '`error` with {"error":"UserInterrupt","message":"User'}),
    ("wrong_run_values", "interrupt/during-answer/create/waited", {"STR-16": "B.human B.call B.result B.answer"}),
    (
        "cross_run_events",
        "interrupt/during-tools/stream/unwatched",
        {"STR-14": "A.call", "STR-26": "[A.call B.call B.result B.answer]"},
    ),
    ("joiner_steals", "none/during-answer/create/two-joined", {"STR-07": "[]"}),
    ("duplicate_event_ids", RECONNECTED, {"STR-10": "0-0 twice"}),
    ("replay_missing", RECONNECTED, {"STR-08": "0 events, equal up to number 0"}),
    ("join_replays_everything", "interrupt/during-tools/create/join-streamed", {"STR-22": "A.call"}),
    (
        "resume_repeats",
        RECONNECTED,
        {"STR-23": "5 events. The two connections together equal the stream up to number 4"},
    ),
    ("queued_stream_closes", "enqueue/during-tools/stream/unwatched", {"STR-15": "it was closed before run B began"}),
    ("late_metadata", STREAMED, {"STR-01": "`values` with run_id null, while the agent of that run"}),
    ("events_after_end", STREAMED, {"STR-18": "`values`"}),
    ("call_not_streamed", STREAMED, {"STR-26": "[]"}),
    (
        "stream_mode_ignored",
        "none/during-tools/stream/streamed/updates",
        {"STR-25": "also `checkpoints`, `debug`, `events`, `messages`, `tasks`, `values`"},
    ),
    (
        "wait_answers_early",
        "interrupt/during-tools/create/joined",
        {"STR-29": "HTTP 200 before the hold of run A ended"},
    ),
    (
        "wait_answers_early",
        "interrupt/during-answer/create/waited",
        {"STR-29": "HTTP 200 before the hold of run A ended"},
    ),
    ("wait_answers_early", "interrupt/during-tools/wait/unwatched", {"STR-28": "nothing"}),
    ("run_not_named", STREAMED, {"STR-30": "no such header"}),
    (
        "stream_buffered",
        "none/during-tools/stream/streamed/updates",
        {"STR-31": "it arrived only after run A was released"},
    ),
    (
        "repeated_token_lost",
        "none/during-tools/stream/streamed/messages-tuple",
        {"STR-32": "37 pieces that add up to The search results give a high of 64F"},
    ),
    (
        "queued_stream_closes",
        "enqueue/during-tools/create/unwatched/joined-queued",
        {"STR-15": "it was closed before run B began"},
    ),
    ("thread_stuck_busy", "leave/during-tools/stream/cancel", {"THR-06": "`busy`"}),
    ("subgraph_survives", "cancel/in-subgraph/interrupt/unwatched", {"INT-19": "it was not"}),
    (
        "rollback_keeps_the_child",
        "rollback/in-subgraph/create/unwatched",
        {"RBK-12": "in the history of its namespace"},
    ),
    ("join_drops_subgraphs", "none/in-child/create/two-joined", {"STR-11": "only `updates`"}),
    ("one_mode_only", "none/during-tools/create/join-streamed/several-modes", {"STR-33": "no `updates`"}),
    (
        "backpressure_stall",
        "none/during-answer/stream/stalled",
        {"STR-21": "it did not end before its client disconnected"},
    ),
    (
        "disconnect_inverted",
        "leave/during-tools/stream/default",
        {"STR-12": "`cancel`. If that is intended, declare it in the profile under [freedoms]:"},
    ),
    ("disconnect_inverted", "leave/during-tools/stream/cancel", {"STR-24": "`success`"}),
    ("disconnect_inverted", "leave/during-tools/join-stream/default", {"STR-13": "`interrupted`"}),
    ("disconnect_inverted", "leave/during-tools/join/cancel", {"STR-13": "`success`"}),
    ("partial_lost", STREAMED, {"CLI-04": "no A.human A.call"}),
    (
        "checkpoint_ignored",
        "none/cancelled/create/unwatched/from-checkpoint",
        {"CHK-06": "[A.human A.call A.result B.human B.call B.result B.answer]"},
    ),
    ("cancel_500", "cancel/during-tools/interrupt/unwatched", {"CAN-05": "HTTP 500", "ERR-06": "HTTP 500"}),
    ("cancel_500", "cancel/burst/interrupt/unwatched", {"CON-05": "HTTP 500"}),
    ("reject_blind_to_pending", "reject/delayed/create/unwatched", {"REJ-05": "HTTP 200"}),
    (
        "cancel_record_lost_exit",
        "interrupt/during-tools/create/unwatched/durability-exit",
        {"PST-05": "no A.human A.call in [B.human B.call B.result B.answer"},
    ),
    ("unknown_id_2xx", "cancel/unknown/interrupt/unwatched", {"CAN-09": "HTTP 202"}),
    ("conflict_while_finalizing", "cancel/during-tools/interrupt/unwatched/then-enqueue", {"CAN-14": "HTTP 409"}),
    (
        "cancel_terminal_flip",
        "cancel/finished/interrupt/unwatched",
        {"CAN-07": "`interrupted`", "RUN-03": "`interrupted` later"},
    ),
    ("missing_thread_conflict", "reject/missing-thread/create/unwatched", {"REJ-07": "HTTP 409"}),
    (
        "crash_on_cancel",
        "cancel/during-tools/interrupt/unwatched",
        {"CAN-05": "connection broken: Server disconnected without sending a"},
    ),
    ("run_metadata_lost", TOOLS, {"RUN-15": "{}"}),
    ("strategy_not_echoed", TOOLS, {"RUN-06": "`reject`"}),
    ("rollback_unsupported", "cancel/during-tools/rollback/unwatched", {"CAN-06": "HTTP 422"}),
    (
        "rollback_overwrites_new",
        "rollback/during-tools/create/unwatched/second-turn",
        {"RBK-02": "[E.human E.call E.result E.answer]"},
    ),
    ("history_gap", TOOLS, {"CHK-03": "none"}),
    ("resume_restarts", "resume/parked/create/unwatched", {"HIL-05": "agent:2"}),
    (
        "reject_toctou",
        "reject/burst/create/unwatched/two",
        {"CON-01": "accepted: R, R", "RUN-05": "run R entered its first step, and a step of run R reported"},
    ),
    ("cancel_not_delivered", "cancel/during-tools/interrupt/unwatched", {"CAN-01": "`success`", "CAN-13": "`success`"}),
    ("cancel_not_delivered", "cancel/at-once/interrupt/unwatched", {"CAN-17": "`success`"}),
    ("checkpoint_id_collision", TOOLS, {"CHK-04": "twice"}),
    (
        "wait_returns_early",
        "cancel/lingering/interrupt/unwatched/waited",
        {"CAN-04": "run A reported `cancelled` of tools:1 after the answer"},
    ),
    (
        "cancel_terminal_409",
        "cancel/finished/interrupt/unwatched",
        {"CAN-08": "`409`. If that is intended, declare it in the profile under [freedoms]:"},
    ),
    (
        "hitl_status_variant",
        PARKED,
        {"HIL-02": "`interrupted`. If that is intended, declare it in the profile under [freedoms]"},
    ),
    ("invalid_strategy_coerced", "bad-input/runs/create", {"ERR-01": "another answer to 6 of them: HTTP 200 for POST"}),
    ("created_201", TOOLS, {"RUN-02": "201"}),
    ("hitl_interrupts_missing", PARKED, {"HIL-01": "`{}`"}),
    ("hitl_interrupts_missing", "none/parking/stream/unwatched", {"HIL-07": "`{}`"}),
    ("cancel_wrong_worker_409", "cancel/during-tools/interrupt/unwatched", {"CAN-05": "HTTP 409"}),
    ("last_action_wins", "cancel/lingering/interrupt/unwatched/twice", {"CAN-10": "404"}),
    ("interrupts_not_cleared", PARKED, {"HIL-03": '"value":{"question":"Go on?","step":"tools:1"}}]}`'}),
    (
        "reject_422",
        "reject/during-tools/create/unwatched",
        {"REJ-01": "`422`. If that is intended, declare it in the profile under [freedoms]:"},
    ),
    (
        "reject_leaks",
        "reject/during-tools/create/unwatched",
        {"REJ-03": "or with the input of the refused run B: 1"},
    ),
    ("race_5xx", ANSWER, {"ERR-06": "HTTP 500", "INT-01": "HTTP 500"}),
    ("strategy_only_on_create", "interrupt/during-tools/stream/unwatched", {"INT-14": "run A ended `success`"}),
    (
        "bulk_cancel_mix",
        "bad-input/bulk-cancel",
        {"ERR-13": "another answer to 5 of them: HTTP 204 for POST /runs/cancel with"},
    ),
    ("status_goes_back", TOOLS, {"RUN-04": "`pending` later"}),
    ("delay_ignored", "none/delayed/create/unwatched", {"RUN-20": "the first one after"}),
    ("superseded_input_kept", PENDING, {"INT-11": "A.human"}),
    ("interrupt_adds_checkpoint", TOOLS, {"CHK-09": "source `update`: A.human A.call"}),
    (
        "finished_answer_lost",
        "interrupt/finishing/create/unwatched",
        {"INT-17": "A success, B success [A.human A.call A.result B.human"},
    ),
    ("stale_resume_executes", "resume/finished/create/unwatched", {"HIL-10": "agent:3"}),
    (
        "checkpoints_lag",
        "interrupt/during-tools/create/unwatched/durability-sync",
        {"PST-06": "newest checkpoint: A.human"},
    ),
    ("history_shrinks", "interrupt/during-tools/create/unwatched/second-turn", {"CHK-08": "vanished"}),
    (
        "state_lags",
        TOOLS,
        {"CHK-05": "[A.human A.call B.human B.call B.result B.answer] in the", "PST-08": "{messages: 6, steps: 4}"},
    ),
    ("message_ids_reused", TOOLS, {"PST-09": "twice"}),
    ("next_cleared", "cancel/during-tools/interrupt/unwatched", {"PST-11": "[]"}),
    ("task_results_missing", "cancel/half-superstep/interrupt/unwatched", {"PST-07": "[null]"}),
    (
        "list_oldest_first",
        "interrupt/during-tools/create/unwatched/second-turn",
        {"RUN-10": "created_at in the order 2025-01-01T00:00"},
    ),
    ("search_ignores_status", "interrupt/during-tools/create/unwatched/elsewhere", {"THR-09": "found"}),
    ("cancel_pending_stops_all", "cancel/pending/interrupt/unwatched", {"ENQ-06": "`interrupted`"}),
    ("cancelled_pending_executes", "cancel/pending/interrupt/unwatched", {"CAN-02": "run A entered agent:1"}),
    ("thread_idle_too_early", "cancel/pending/interrupt/unwatched", {"THR-05": "`idle`"}),
    ("deleted_run_stays", "delete/finished/run/unwatched", {"RUN-13": "`success`"}),
    ("deleted_run_goes_on", "delete/during-tools/run/unwatched", {"RUN-14": "tools:1 reported `exit` after that"}),
    (
        "deleted_thread_goes_on",
        "delete/during-tools/thread/unwatched",
        {"THR-11": "tools:1 reported `exit` after that"},
    ),
    ("first_messages_conflict", "missing-thread/burst", {"CON-08": "HTTP 409", "ERR-16": "HTTP 409"}),
    ("refusal_without_words", "reject/during-tools/create/unwatched", {"REJ-08": '`{"error":true}`'}),
    (
        "rollback_half_step_reappears",
        "rollback/half-superstep/create/unwatched",
        {"RBK-10": "A/audit:1 B/agent:1 B/tools:1 B/agent:2"},
    ),
    (
        "enqueue_parallel",
        "enqueue/burst/create/unwatched",
        {"CON-03": "R.human R.human R.human R.human R.human R.human"},
    ),
    ("rollback_pending_reverts", "rollback/pending/create/unwatched/second-turn", {"RBK-04": "gone"}),
    (
        "missing_thread_conflict",
        "bad-input/missing-thread",
        {"ERR-02": "another answer to 9 of them: HTTP 409 for POST"},
    ),
    ("unknown_id_2xx", "bad-input/malformed-ids", {"ERR-04": "another answer to 2 of them: HTTP 202 for POST"}),
    ("unknown_id_2xx", "bad-input/unknown-ids", {"ERR-14": "another answer to 2 of them: HTTP 202 for POST"}),
    (
        "unknown_assistant_accepted",
        "bad-input/runs/create",
        {"ERR-03": "another answer to 3 of them: HTTP 200 for POST"},
    ),
    ("invalid_as_400", "bad-input/runs/wait", {"ERR-07": "another answer to 27 of them: HTTP 400 for POST"}),
    ("invalid_as_500", "bad-input/runs/stream", {"ERR-08": "another answer to 31 of them: HTTP 500 for POST"}),
    ("refusal_without_words", "bad-input/busy", {"ERR-15": "another answer to 20 of them: HTTP 422 for POST"}),
    ("broken_body_accepted", "bad-input/runs/create", {"ERR-09": "another answer to 6 of them: HTTP 200 for POST"}),
    (
        "broken_body_accepted",
        "bad-input/stateless/create",
        {"ERR-09": "another answer to 6 of them: HTTP 200 for POST /runs with an"},
    ),
    ("wrong_fields_dropped", "bad-input/runs/create", {"ERR-10": "another answer to 14 of them: HTTP 200 for POST"}),
    (
        "wrong_fields_dropped",
        "bad-input/stateless/stream",
        {"ERR-10": "another answer to 14 of them: HTTP 200 for POST /runs/stream"},
    ),
    (
        "refusal_leaves_run",
        "bad-input/runs/create",
        {"ERR-11": "additional runs: 30, requests that were not refused: 0"},
    ),
    ("unknown_filter_ignored", "bad-input/reads", {"ERR-12": "another answer to 1 of them: HTTP 200 for GET"}),
    ("if_not_exists_ignored", "missing-thread/stream", {"ERR-16": "stream not read to its end: NotFoundError"}),
    ("stateless_contend", "stateless/two-at-once", {"STL-01": "HTTP 409"}),
    ("stateless_output_lost", "stateless/wait", {"STL-04": "[]"}),
    ("stateless_thread_left", "stateless/create", {"STL-02": "HTTP 200"}),
    ("stateless_disconnect_ignored", "stateless/left-cancel", {"STL-03": "run A entered agent:2 after that"}),
    ("webhook_missing_or_double", "webhook/interrupted", {"WHK-01": "no webhook arrived"}),
    ("webhook_missing_or_double", "webhook/finished", {"WHK-05": "2"}),
    ("webhook_out_of_order", "webhook/interrupted", {"WHK-02": "the webhook of run B arrived first"}),
    ("webhook_failure_spoils_run", "webhook/failing-listener", {"WHK-03": "`error`"}),
    ("cron_strategy_ignored", "cron/busy-thread", {"CRN-02": "`success`"}),
    ("cron_strategy_lost", "cron/made-and-deleted", {"CRN-01": "`null`"}),
    ("cron_stays", "cron/made-and-deleted", {"CRN-04": "5"}),
    ("invalid_as_500", "cron/bad-input", {"CRN-03": "another answer to 10 of them: HTTP 500 for POST"}),
    ("assistant_named", TOOLS, {"SHP-01": "`agent` in `assistant_id`"}),
    ("times_without_zone", TOOLS, {"SHP-02": "in `created_at`"}),
    ("next_is_text", TOOLS, {"SHP-03": "in `next`"}),
    ("cron_times_as_numbers", "cron/made-and-deleted", {"SHP-04": "`1735689600` in `created_at`"}),
    ("updates_as_list", STREAMED, {"SHP-05": "in `data`"}),
    ("json_as_text", TOOLS, {"SHP-06": "`text/plain"}),
    ("refusal_without_words", ROLLED_BACK, {"SHP-07": '`{"error":true}`'}),
    ("failed_as_success", "interrupt/failed/create/unwatched", {"RUN-30": "`success`"}),
    ("failed_as_interrupted", "enqueue/failing/create/waited", {"RUN-30": "`interrupted`"}),
    ("pending_while_executing", TOOLS, {"RUN-31": "`pending` for"}),
    ("stream_without_error", "enqueue/failing/create/streamed", {"STR-40": "only `metadata`"}),
    (
        "superseded_stream_goes_on",
        "interrupt/during-tools/create/streamed",
        {"STR-14": "B.human B.call B.result B.answer"},
    ),
    ("values_stale", "interrupt/during-tools/stream/unwatched", {"STR-41": "[A.human A.call B.human]"}),
    ("last_values_null", "interrupt/during-tools/stream/unwatched", {"STR-41": "[]", "SHP-05": "`null` in `data`"}),
    ("updates_under_one_node", "interrupt/during-tools/stream/unwatched", {"STR-42": "`agent`"}),
    ("events_mode_silent", "none/during-tools/stream/streamed/events", {"STR-25": "no `events`"}),
    ("large_events_lost", "none/large/stream/streamed", {"STR-43": "the last with [A.human]"}),
    (
        "late_join_own_values",
        "interrupt/during-tools/create/late/followed",
        {"STR-44": "`the values of the run`. If that is intended"},
    ),
    ("interrupted_runs_again", TOOLS, {"RUN-03": "`running` later", "RUN-04": "`running` later"}),
    ("queue_stands_after_deletion", "delete/during-tools/run/unwatched/queue", {"RUN-14": "`pending`"}),
    ("deleted_state_stays", "delete/finished/thread/unwatched/created-again", {"THR-30": "HTTP 200"}),
    ("created_again_remembers", "delete/finished/thread/unwatched/created-again", {"THR-31": "run A"}),
    ("no_location", "interrupt/during-tools/stream/unwatched", {"CLI-10": "no such header"}),
    ("preflight_allows_nothing", "none/finished/create/unwatched/other-origin", {"CLI-11": "headers ``"}),
    ("nothing_exposed", "none/finished/create/unwatched/other-origin", {"CLI-12": "``"}),
    ("webhook_without_values", "webhook/finished", {"WHK-10": "no such field"}),
    ("webhook_says_running", "webhook/cancelled", {"WHK-11": "`running`"}),
    ("successor_webhook_twice", "webhook/interrupted", {"WHK-12": "2"}),
    ("cron_next_run_shifted", "cron/made-and-deleted", {"CRN-10": "T01:00"}),
    ("cron_metadata_lost", "cron/busy-thread", {"CRN-11": "metadata.doubletext_label `null`"}),
    ("created_at_moves", TOOLS, {"AGR-01": "for `created_at` of the run"}),
    ("list_without_kwargs", TOOLS, {"AGR-02": "`null` for `kwargs.input"}),
    ("updated_at_frozen", TOOLS, {"AGR-03": "for `updated_at` of run"}),
    ("state_step_frozen", TOOLS, {"AGR-04": "metadata.step: -1 and"}),
    ("parent_without_thread", TOOLS, {"AGR-05": "for `parent_checkpoint`"}),
    ("list_lags", TOOLS, {"AGR-06": "updated_at: "}),
    ("thread_messages_cut", QUEUED, {"AGR-06": "(thread and state)", "AGR-07": "for `content` of message"}),
    ("empty_state_missing", "stateless/wait", {"AGR-09": "404 for the answer to GET"}),
    ("crash_on_cancel", "cancel/during-tools/interrupt/unwatched", {"SHP-08": "connection broken"}),
    ("kwargs_of_another", TOOLS, {"ECH-01": "(shown and sent)"}),
    ("run_metadata_on_thread", TOOLS, {"ECH-02": "`doubletext_label`: `A`"}),
    ("checkpoint_of_another_thread", TOOLS, {"ECH-03": "`00000000-0000-4000-8000-000000000000`"}),
    ("cron_schedule_rewritten", "cron/made-and-deleted", {"ECH-04": "`* * * * *`"}),
]
"""A defect, a scenario, and for each requirement that must be broken then what must be observed of it."""


@pytest.mark.parametrize(("defect", "scenario", "facts"), CASES)
def test_a_wrong_deployment_is_found_out(defect: str, scenario: str, facts: dict[str, str]) -> None:
    [played] = play_wrong([(defect, scenario)])
    assert facts.keys() <= played.broken.keys()
    # The order of runs that are created at the same time depends on the machine.
    observed = {name: re.sub(r"\bR\d\b", "R", fact) for name, fact in played.broken.items()}
    assert {name: fact for name, fact in facts.items() if fact not in observed[name]} == {}
    assert "ERROR" not in {verdict.word for verdict in played.verdicts.values()}


def test_every_defect_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(defects()) - set(UNDETECTED)
