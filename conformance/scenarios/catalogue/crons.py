"""Crons: runs that the deployment asks for itself, on a thread that may be busy when they are due.

The id is `cron/WHAT`. Only one scenario waits for a cron to fire, since that takes a deployment up to a minute: with
`interrupt`, which shows both that the strategy is followed and which one. Under the others a cron's run is one like any
other, so it is only looked at whether the cron has kept them. Crons that are not to fire are due at New Year.

Absent: crons without a thread, whose runs meet nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from conformance.scenarios.catalogue.blocks import FIRST_STEP, IN_TOOLS, LA, NYC, SF, held_first
from conformance.scenarios.moves import (
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
    "a minute that no hour has": ("field", {"schedule": "61 * * * *"}),
    "a schedule that is a number": ("field", {"schedule": 5}),
    "an unknown timezone": ("field", {"timezone": "Mars/Olympus"}),
    "an end_time in words": ("field", {"end_time": "tomorrow"}),
    "an assistant id that nobody has": ("assistant", {"assistant_id": "00000000-0000-4000-8000-000000000000"}),
}


def scenarios() -> Iterator[Scenario]:
    """Made, found and deleted; asked for wrongly; fired on a busy thread."""
    yield Scenario(
        id="cron/made-and-deleted",
        about="After a plain turn crons are made on the thread, one for each strategy and one without; then deleted.",
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
        id="cron/bad-input",
        about="After a plain turn crons are asked for on the thread that are wrong in one way each.",
        moves=(Submit(label="A", text=SF), AwaitEnd(label="A"), *_wrong(), ListCrons()),
    )
    yield Scenario(
        id="cron/busy-thread",
        about="A cron with `interrupt` fires while A is held in its tool; its run is called B.",
        moves=(
            *held_first(IN_TOOLS),
            CreateCron(label="B", text=NYC, strategy="interrupt", often=True, hold=(FIRST_STEP,)),
            AwaitCron(label="B"),
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
    new_year = {"schedule": "0 0 1 1 *"}
    for what, (fault, wrong) in WRONG.items():
        yield Ask(fault=fault, what=f"POST {PATH} with {what}", method="POST", path=PATH, order={**new_year, **wrong})
    yield Ask(fault="field", what=f"POST {PATH} without a schedule", method="POST", path=PATH, order={})
    yield Ask(fault="json", what=f"POST {PATH} with a body that breaks off", method="POST", path=PATH, text="{")
    elsewhere = "/threads/{missing}/runs/crons"
    yield Ask(fault="thread", what=f"POST {elsewhere}", method="POST", path=elsewhere, order=new_year)
    for cron_id in ("no-uuid", "{nobody}"):
        path = f"/runs/crons/{cron_id}"
        yield Ask(fault="id", what=f"DELETE {path}", method="DELETE", path=path)
