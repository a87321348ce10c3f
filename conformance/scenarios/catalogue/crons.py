"""The cron scenarios: runs that the deployment creates itself, on a thread that may be busy when they are due.

The id is `cron/SUBJECT`. Only one scenario waits for a cron to fire, because that can take a minute. It uses
`interrupt`, which shows both that the strategy is applied and that it is the cron's. For the other strategies it is
enough to read whether the cron has stored them, because the run of a cron is then like any other. Crons that must not
fire are due at New Year.

Absent on purpose: the runs of a cron without a thread, which meet no other run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conformance.scenarios.catalogue.blocks import FIRST_STEP, IN_TOOLS, LA, NYC, SF, held_first
from conformance.scenarios.moves import (
    UNKNOWN_ASSISTANT,
    Ask,
    AwaitCron,
    AwaitEnd,
    AwaitSuperseded,
    CreateCron,
    DeleteCron,
    ListCrons,
    Look,
    Mistake,
    Release,
    Strategy,
    Submit,
)
from conformance.scenarios.scenario import Scenario

STRATEGIES: Final[dict[str, Strategy | None]] = {
    "enqueue": "enqueue",
    "reject": "reject",
    "interrupt": "interrupt",
    "rollback": "rollback",
    "none": None,
}
PATH: Final = "/threads/{main}/runs/crons"
WRONG: Final[dict[str, tuple[Mistake, dict[str, Any]]]] = {
    "the strategy `replace`": ("strategy", {"multitask_strategy": "replace"}),
    "the strategy 3": ("strategy", {"multitask_strategy": 3}),
    "a schedule in words": ("field", {"schedule": "at noon"}),
    "the minute 61": ("field", {"schedule": "61 * * * *"}),
    "a schedule that is a number": ("field", {"schedule": 5}),
    "an unknown timezone": ("field", {"timezone": "Mars/Olympus"}),
    "an end_time in words": ("field", {"end_time": "tomorrow"}),
    "an unknown assistant id": ("assistant", {"assistant_id": UNKNOWN_ASSISTANT}),
}


def scenarios() -> Iterator[Scenario]:
    """Yield the scenarios: crons that are created and deleted, with bad input, and one that fires on a busy thread."""
    yield Scenario(
        id="cron/made-and-deleted",
        about="After a plain turn a client creates crons on the thread, one for each strategy and one without, and "
        "deletes them.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            *(CreateCron(label=name, text=LA, strategy=strategy) for name, strategy in STRATEGIES.items()),
            ListCrons(),
            *(DeleteCron(label=name) for name in STRATEGIES),
            ListCrons(),
        ),
    )
    yield Scenario(
        id="cron/little",
        about="After a plain turn a client creates a cron without a thread, and one without input, and deletes them.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            CreateCron(label="loose", text=LA, thread="stateless"),
            CreateCron(label="bare", text=LA, bare=True),
            DeleteCron(label="loose"),
            DeleteCron(label="bare"),
        ),
    )
    yield Scenario(
        id="cron/bad-input",
        about="After a plain turn a client tries to create crons on the thread, each with one error.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), *_wrong(), ListCrons()),
    )
    yield Scenario(
        id="cron/busy-thread",
        about="A cron with `interrupt` fires while A is held in its tool, and its run is B.",
        moves=(
            *held_first(IN_TOOLS),
            CreateCron(label="B", text=NYC, strategy="interrupt", often=True, hold=(FIRST_STEP,)),
            AwaitCron(label="B"),
            # At once: the next run of the cron would interrupt B.
            DeleteCron(label="B"),
            AwaitSuperseded(label="A", by="B"),
            Look(),
            Release(label="B"),
            AwaitEnd(label="B"),
            Release(),
            AwaitEnd(label="A"),
        ),
    )


def _wrong() -> Iterator[Ask]:
    # Valid but for the one error, so that a deployment cannot reject a request for another reason.
    new_year = {"schedule": "0 0 1 1 *"}
    for name, (fault, wrong) in WRONG.items():
        yield Ask(fault=fault, what=f"POST {PATH} with {name}", method="POST", path=PATH, order={**new_year, **wrong})
    yield Ask(fault="field", what=f"POST {PATH} without a schedule", method="POST", path=PATH, order={})
    yield Ask(fault="json", what=f"POST {PATH} with truncated JSON", method="POST", path=PATH, text="{")
    elsewhere = "/threads/{missing}/runs/crons"
    yield Ask(fault="thread", what=f"POST {elsewhere}", method="POST", path=elsewhere, order=new_year)
    for cron_id in ("no-uuid", "{nobody}"):
        path = f"/runs/crons/{cron_id}"
        yield Ask(fault="id", what=f"DELETE {path}", method="DELETE", path=path)
