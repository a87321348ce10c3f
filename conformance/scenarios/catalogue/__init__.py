"""Every scenario of the suite.

A scenario's id is `STRATEGY/PHASE/ENDPOINT/OBSERVER[/VARIANT]`:

- STRATEGY: the `multitask_strategy` of the second run; `default`: none is sent; `none`: there is no second run;
  `cancel`: the first is cancelled, and ENDPOINT is the cancel's action; `leave`: its client leaves (see `leaving`);
  `resume`: the second answers a question of the first; `delete`: the first, or the thread, is deleted, and ENDPOINT is
  which.
- PHASE: where the first run is when the second arrives.
- ENDPOINT: how the second run (with `none` the first) is asked for: `create`, `stream` or `wait`.
- OBSERVER: who watches the first run: `unwatched`; `joined` (a client waits in `join`); `streamed`, `waited` (the
  client that asked for it reads its stream, or waits for it); `join-streamed`, `two-joined` (one client, or two, joined
  its stream); `reconnected` (its client lost the stream and came back); `stalled` (its client stopped reading); `late`
  (clients come when it is over).

Some families are about other things than a second run, and have ids of their own: `bad-input`, `missing-thread`,
`webhook`, `stateless`, `cron`.

Labels: `A` is the first run, `B` the one that double-texts it. `E` is an earlier turn, `Z` a run that is in flight
before `A`, `C` and `D` are further texts, `R` answers a question of `A`, `R1` to `R10` are a burst, `X` is a run on
another thread. `J`, `V` and `W` are clients that come later.

Absent on purpose: `joined` where the first run is over (there is nothing left to wait for), with `enqueue` and
`reject` (which do not touch it), and with the races and variants (who watches is not what they vary); what is absent
among the other observers is said in `observers`. `stream` and
`wait` vary how B asks, which is decided when B is admitted; one phase shows it. `enqueue` and `reject` never stop A,
so they have no stubborn A.
"""

from __future__ import annotations

from functools import cache

from conformance.scenarios.catalogue import (
    bad_input,
    baseline,
    cancel,
    chains,
    crons,
    delete,
    disconnect,
    enqueue,
    observers,
    reject,
    resume,
    run_options,
    stateless,
    subgraphs,
    supersede,
    webhooks,
)
from conformance.scenarios.scenario import Scenario


@cache
def catalogue() -> tuple[Scenario, ...]:
    """Every scenario, in a readable order; ids are unique."""
    return (
        *supersede.scenarios("interrupt"),
        *supersede.scenarios("rollback"),
        *enqueue.scenarios(),
        *reject.scenarios(),
        *chains.scenarios(),
        *subgraphs.scenarios(),
        *resume.scenarios(),
        *cancel.scenarios(),
        *delete.scenarios(),
        *observers.scenarios(),
        *disconnect.scenarios(),
        *baseline.scenarios(),
        *run_options.scenarios(),
        *bad_input.scenarios(),
        *stateless.scenarios(),
        *webhooks.scenarios(),
        *crons.scenarios(),
    )
