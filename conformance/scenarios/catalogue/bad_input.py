"""Bad input: requests that are wrong in one way each, after which everything must be as before.

The id is `bad-input/WHERE`. A plain turn A comes first and another, B, last, so that the thread has something to lose
and must be of use afterwards; in `bad-input/busy` A is in flight all the while. One play sends many requests, and each
is judged by itself.

Every endpoint that the suite uses gets the kinds of fault that it can have. Absent on purpose: bulk cancel by `status`,
which a server that takes it wrongly might apply to runs of other people; strategies in stateless requests, which the
published description does not know there; and joins of runs that do not exist, which other scenarios judge. What the
description leaves open (a negative `limit` in a query) is asked under `odd`, where any answer but a failure will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from conformance.scenarios.catalogue.blocks import IN_TOOLS, NYC, SF, held_first
from conformance.scenarios.moves import Ask, AwaitEnd, ListRuns, Look, Mistake, Release, Submit
from conformance.scenarios.scenario import Scenario

Method = Literal["GET", "POST", "DELETE"]
Body = dict[str, Any]

ON_A_THREAD: Final = {
    "create": "/threads/{main}/runs",
    "stream": "/threads/{main}/runs/stream",
    "wait": "/threads/{main}/runs/wait",
}
WITHOUT_A_THREAD: Final = {"create": "/runs", "stream": "/runs/stream", "wait": "/runs/wait"}

STRATEGIES: Final[dict[str, Body]] = {
    "the strategy `replace`": {"multitask_strategy": "replace"},
    "the strategy `INTERRUPT`": {"multitask_strategy": "INTERRUPT"},
    "an empty strategy": {"multitask_strategy": ""},
    "the strategy null": {"multitask_strategy": None},
    "the strategy 3": {"multitask_strategy": 3},
    "a list of strategies": {"multitask_strategy": ["interrupt"]},
}
ASSISTANTS: Final[dict[str, Body]] = {
    "an assistant name that nobody has": {"assistant_id": "no-such-assistant"},
    "an assistant id that nobody has": {"assistant_id": "00000000-0000-4000-8000-000000000000"},
    "the assistant 7": {"assistant_id": 7},
    "the assistant null": {"assistant_id": None},
}
FIELDS: Final[dict[str, Body]] = {
    "config that is text": {"config": "fast"},
    "configurable that is a list": {"config": {"configurable": [1]}},
    "metadata that is a list": {"metadata": [1]},
    "a recursion_limit that is text": {"config": {"recursion_limit": "many"}},
    "an unknown stream_mode": {"stream_mode": "telepathy"},
    "a stream_mode that is a number": {"stream_mode": 5},
    "an unknown durability": {"durability": "sometimes"},
    "after_seconds that is text": {"after_seconds": "soon"},
    "a webhook that is a number": {"webhook": 5},
    "a webhook that is empty": {"webhook": ""},
    "a command that is text": {"command": "stop"},
    "stream_resumable that is text": {"stream_resumable": "perhaps"},
}
FIELDS_ON_A_THREAD: Final[dict[str, Body]] = {
    "an unknown if_not_exists": {"if_not_exists": "perhaps"},
    "interrupt_before that is a number": {"interrupt_before": 5},
}
WATCHED_FIELDS: Final[dict[str, Body]] = {"an unknown on_disconnect": {"on_disconnect": "perhaps"}}
"""Not where nobody watches the run that is created."""

FIELDS_WITHOUT_A_THREAD: Final[dict[str, Body]] = {"an unknown on_completion": {"on_completion": "burn"}}

NOT_JSON: Final = {
    "an empty body": "",
    "a body that is text": "stop it",
    "a body that breaks off": '{"assistant_id": "agent", "input": {',
    "a comma too many": '{"assistant_id": "agent",}',
    "a body that is a list": "[]",
    "a body that is null": "null",
}
BROKEN: Final = {name: NOT_JSON[name] for name in ("a body that breaks off", "a body that is a list")}

RUN_QUERIES: Final = {
    "a limit that is text": "limit=many",
    "an offset that is text": "offset=far",
    "a status that there is not": "status=flying",
    "a field that there is not": "select=colour",
}
HISTORY_BODIES: Final[dict[str, Body]] = {
    "a negative limit": {"limit": -1},
    "a limit of zero": {"limit": 0},
    "a limit that is text": {"limit": "many"},
    "metadata that is text": {"metadata": "mine"},
}
SEARCH_BODIES: Final[dict[str, Body]] = {
    "a negative limit": {"limit": -1},
    "a limit that is text": {"limit": "many"},
    "a limit beyond 64 bits": {"limit": 10**23},
    "a negative offset": {"offset": -1},
    "a status that there is not": {"status": "flying"},
    "an order that there is not": {"sort_by": "colour"},
    "metadata that is text": {"metadata": "mine"},
    "ids that are none": {"ids": ["no-uuid"]},
}
STATE_BODIES: Final[dict[str, Body]] = {
    "values that are text": {"values": "none"},
    "messages that are a number": {"values": {"messages": 5}},
    "a node that there is not": {"values": {"messages": []}, "as_node": "nowhere"},
}
THREAD_BODIES: Final[dict[str, Body]] = {
    "metadata that is a number": {"metadata": 5},
    "a thread_id that is a number": {"thread_id": 5},
    "an unknown if_exists": {"if_exists": "perhaps"},
    "the id of a thread that there is": {"thread_id": "{main}"},
}
BULK_BODIES: Final[dict[str, Body]] = {
    "a thread without runs": {"thread_id": "{main}"},
    "runs without a thread": {"run_ids": ["{A}"]},
    "a thread that is none": {"thread_id": "no-uuid", "run_ids": ["{A}"]},
    "a run that is none": {"thread_id": "{main}", "run_ids": ["no-uuid"]},
    "runs that are text": {"thread_id": "{main}", "run_ids": "all"},
}
DEEP: Final = '{"assistant_id": "agent", "input": ' + '{"deeper": ' * 500 + "1" + "}" * 501
ODD_ORDERS: Final[dict[str, Body]] = {
    "after_seconds beyond any calendar": {"after_seconds": 1e300},
    "a recursion_limit beyond 64 bits": {"config": {"recursion_limit": 10**30}},
    "a NUL character in the metadata": {"metadata": {"key": "a\u0000b"}},
    "input that is a number": {"input": 5},
}
ODD_QUERIES: Final = {
    "a negative limit": "limit=-1",
    "a limit of zero": "limit=0",
    "a limit beyond 64 bits": "limit=100000000000000000000000",
    "a negative offset": "offset=-1",
    "a parameter that nobody knows": "colour=blue",
}

OF_A_THREAD: Final[tuple[tuple[Method, str], ...]] = (("GET", ""), ("DELETE", ""), ("GET", "/state"), ("GET", "/runs"))
OF_A_RUN: Final[tuple[tuple[Method, str], ...]] = (("GET", ""), ("DELETE", ""), ("POST", "/cancel"))
WATCHING: Final[tuple[tuple[Method, str], ...]] = (("GET", "/join"), ("GET", "/stream"))


def scenarios() -> Iterator[Scenario]:
    """What is wrong, endpoint by endpoint."""
    for endpoint, path in ON_A_THREAD.items():
        fields = FIELDS | FIELDS_ON_A_THREAD | (WATCHED_FIELDS if endpoint != "create" else {})
        asks = (*_orders(path, fields, "field"), *_orders(path, STRATEGIES, "strategy"), *_any_run(path))
        yield _after(f"runs/{endpoint}", f"wrong runs on the thread ({endpoint})", asks)
    for endpoint, path in WITHOUT_A_THREAD.items():
        fields = FIELDS | FIELDS_WITHOUT_A_THREAD | (WATCHED_FIELDS if endpoint != "create" else {})
        asks = (*_orders(path, fields, "field"), *_any_run(path))
        yield _after(f"stateless/{endpoint}", f"wrong stateless runs ({endpoint})", asks)
    yield _busy()
    yield _after("malformed-ids", "all kinds of things under ids that are none", _malformed_ids())
    yield _after("unknown-ids", "all kinds of things under ids that nothing has", _unknown_ids())
    yield _after("missing-thread", "runs on a thread that does not exist", _missing_thread())
    yield _after("reads", "lists, searches and histories in wrong words", _reads())
    yield _after("writes", "new threads and states in wrong words", _writes())
    yield _after("bulk-cancel", "bulk cancels that do not name their runs properly", _bulk_cancels())
    yield _after("odd", "strange things, for which any answer but a failure will do", _odd())


def _after(where: str, about: str, asks: Iterable[Ask]) -> Scenario:
    return Scenario(
        id=f"bad-input/{where}",
        about=f"Between two plain turns a client asks for {about}.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            *asks,
            ListRuns(limit=100),
            Submit(label="B", text=NYC, strategy="enqueue"),
            AwaitEnd(label="B"),
        ),
    )


def _busy() -> Scenario:
    cancel = "/threads/{main}/runs/{A}/cancel"
    return Scenario(
        id="bad-input/busy",
        about="A client double-texts with strategies that do not exist, and cancels in wrong words, while A is held.",
        moves=(
            *held_first(IN_TOOLS),
            *(ask for path in ON_A_THREAD.values() for ask in _orders(path, STRATEGIES, "strategy")),
            _ask("query", f"POST {cancel} with an unknown action", "POST", f"{cancel}?action=explode"),
            _ask("query", f"POST {cancel} with a wait that is no boolean", "POST", f"{cancel}?wait=perhaps"),
            ListRuns(limit=100),
            Look(),
            Release(),
            AwaitEnd(label="A"),
            Submit(label="B", text=NYC, strategy="enqueue"),
            AwaitEnd(label="B"),
        ),
    )


def _any_run(path: str) -> Iterator[Ask]:
    """What is wrong with a run wherever it is asked for."""
    yield Ask(
        fault="assistant", what=f"POST {path} without an assistant_id", method="POST", path=path, order={},
        without=("assistant_id",),
    )  # fmt: skip
    yield from _orders(path, ASSISTANTS, "assistant")
    yield from _texts(path, NOT_JSON)


def _orders(path: str, orders: dict[str, Body], fault: Mistake) -> Iterator[Ask]:
    for what, order in orders.items():
        yield Ask(fault=fault, what=f"POST {path} with {what}", method="POST", path=path, order=order)


def _bodies(path: str, bodies: dict[str, Body], fault: Mistake) -> Iterator[Ask]:
    for what, body in bodies.items():
        yield _ask(fault, f"POST {path} with {what}", "POST", path, body)


def _texts(path: str, texts: dict[str, str]) -> Iterator[Ask]:
    for what, text in texts.items():
        yield Ask(fault="json", what=f"POST {path} with {what}", method="POST", path=path, text=text)


def _ask(fault: Mistake, what: str, method: Method, path: str, body: Body | None = None) -> Ask:
    return Ask(fault=fault, what=what, method=method, path=path, body=body)


def _bare(fault: Mistake, method: Method, path: str) -> Ask:
    return _ask(fault, f"{method} {path}", method, path)


def _malformed_ids() -> Iterator[Ask]:
    for method, rest in OF_A_THREAD:
        yield _bare("id", method, f"/threads/no-uuid{rest}")
    for method, rest in (*OF_A_RUN, *WATCHING):
        yield _bare("id", method, f"/threads/no-uuid/runs/{{A}}{rest}")
        yield _bare("id", method, f"/threads/{{main}}/runs/no-uuid{rest}")
    yield _bare("id", "GET", "/threads/123")
    for rest in ("", "/stream", "/wait"):
        path = f"/threads/no-uuid/runs{rest}"
        yield Ask(fault="id", what=f"POST {path}", method="POST", path=path, order={})
    yield _ask("id", "POST /threads/no-uuid/history", "POST", "/threads/no-uuid/history", {})
    yield _ask("id", "POST /threads/no-uuid/state", "POST", "/threads/no-uuid/state", {"values": {"messages": []}})
    yield _ask("id", "POST /threads with the thread_id `no-uuid`", "POST", "/threads", {"thread_id": "no-uuid"})


def _unknown_ids() -> Iterator[Ask]:
    for method, rest in OF_A_THREAD:
        yield _bare("unknown", method, f"/threads/{{missing}}{rest}")
    for method, rest in OF_A_RUN:
        yield _bare("unknown", method, f"/threads/{{missing}}/runs/{{A}}{rest}")
        yield _bare("unknown", method, f"/threads/{{main}}/runs/{{nobody}}{rest}")
    yield _ask("unknown", "POST /threads/{missing}/history", "POST", "/threads/{missing}/history", {})
    state: Body = {"values": {"messages": []}}
    yield _ask("unknown", "POST /threads/{missing}/state", "POST", "/threads/{missing}/state", state)
    named = {"thread_id": "{main}", "run_ids": ["{nobody}"]}
    yield _ask("unknown", "POST /runs/cancel of a run that nobody has", "POST", "/runs/cancel", named)


def _missing_thread() -> Iterator[Ask]:
    for rest in ("", "/stream", "/wait"):
        path = f"/threads/{{missing}}/runs{rest}"
        orders: dict[str, Body] = {
            "nothing special": {},
            "if_not_exists=reject": {"if_not_exists": "reject"},
            "the strategy `reject`": {"multitask_strategy": "reject"},
        }
        yield from _orders(path, orders, "thread")
    yield _ask("thread", "GET of that thread afterwards", "GET", "/threads/{missing}")


def _reads() -> Iterator[Ask]:
    runs, history, search = "/threads/{main}/runs", "/threads/{main}/history", "/threads/search"
    for what, query in RUN_QUERIES.items():
        yield _ask("query", f"GET {runs} with {what}", "GET", f"{runs}?{query}")
    yield from _bodies(history, HISTORY_BODIES, "field")
    yield from _texts(history, BROKEN)
    yield from _bodies(search, SEARCH_BODIES, "field")
    yield from _texts(search, BROKEN)


def _writes() -> Iterator[Ask]:
    state = "/threads/{main}/state"
    yield from _bodies(state, STATE_BODIES, "field")
    yield from _texts(state, NOT_JSON)
    yield from _bodies("/threads", THREAD_BODIES, "field")
    yield from _texts("/threads", BROKEN)


def _bulk_cancels() -> Iterator[Ask]:
    yield from _bodies("/runs/cancel", BULK_BODIES, "bulk")
    yield from _texts("/runs/cancel", {"a body that breaks off": "{"})


def _odd() -> Iterator[Ask]:
    path = "/threads/{other}/runs"
    yield from _orders(path, ODD_ORDERS, "odd")
    yield Ask(fault="odd", what=f"POST {path} with input of 500 levels", method="POST", path=path, text=DEEP)
    for listed in ("/threads/{main}/runs", "/threads/{main}/history"):
        for what, query in ODD_QUERIES.items():
            yield _ask("odd", f"GET {listed} with {what}", "GET", f"{listed}?{query}")
    yield _bare("odd", "GET", "/threads/%00")
