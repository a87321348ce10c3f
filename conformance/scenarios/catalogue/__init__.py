"""The catalogue of every scenario of the suite.

A scenario's id is `STRATEGY/PHASE/ENDPOINT/OBSERVER[/VARIANT]`:

- STRATEGY: the `multitask_strategy` of the second run. Other values: `default` (no strategy is sent), `none` (there is
  no second run), `cancel` (the first run is cancelled, ENDPOINT is the action), `leave` (the first run's client
  disconnects, see `disconnect`), `resume` (the second run resumes the first), `delete` (the first run or the thread is
  deleted, as ENDPOINT says).
- PHASE: the point that the first run has reached when the second arrives.
- ENDPOINT: the endpoint that creates the second run, or with `none` the first: `create`, `stream` or `wait`.
- OBSERVER: the clients that watch the first run. `unwatched`: none. `joined`: one waits in `join`. `streamed` and
  `waited`: the client that created the run reads its stream, or waits for it. `join-streamed` and `two-joined`: one or
  two clients have joined its stream. `reconnected`: its client lost the stream and reconnected. `stalled`: its client
  stopped reading. `slow`: its client read nothing until the run had ended. `late`: clients join when the run has ended.

Some families do not vary a second run, and have ids of their own: `bad-input`, `missing-thread`, `webhook`,
`stateless`, `cron`.

Labels: `A` is the first run, `B` the run that double-texts it. `E` is an earlier turn, `Z` a run that is in flight
before `A`, `C` and `D` are further texts, `R` resumes `A`, `R1` to `R10` are a burst, `X` is a run on another thread.
`J`, `V` and `W` are clients that join later.

Absent on purpose: `joined` where the first run has ended (there is nothing left to wait for), with `enqueue` and
`reject` (which do not affect the first run), and with the races and variants (they do not vary the observer). The other
gaps among the observers are explained in `observers`. `stream` and `wait` appear in one phase only: they vary how B is
created, and the strategy is applied at that moment. `enqueue` and `reject` never stop A, so they have no A that
resists its cancellation.
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
    lists,
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
    """Return every scenario, in a readable order. Ids are unique."""
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
        *lists.scenarios(),
    )
