"""The scenarios with bad input: requests with one error each, which must leave everything as it was.

The id is `bad-input/AREA`. The plain turn A comes first and the plain turn B last. So the thread has something to lose,
and must still work afterwards. In `bad-input/busy` A is in flight all the time. One play sends many requests, because
each play costs two whole turns. Each request is judged by itself.

Every endpoint that the suite uses receives the kinds of error that it can have. Input that the published description
leaves open (a negative `limit` in a query) is in `odd`, where any answer is legal but a failure of the server.

Absent on purpose: bulk cancel by `status` (a server that misreads it might cancel the runs of other users), strategies
in stateless requests (the published description does not have them there), and joins of runs that do not exist (other
scenarios judge them).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, Literal

from conformance.scenarios.catalogue.blocks import IN_TOOLS, NYC, SF, held_first
from conformance.scenarios.moves import UNKNOWN_ASSISTANT, Ask, AwaitEnd, ListRuns, Look, Mistake, Release, Submit
from conformance.scenarios.scenario import Scenario

Method = Literal["GET", "POST", "PATCH", "DELETE"]
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
    "an unknown assistant name": {"assistant_id": "no-such-assistant"},
    "an unknown assistant id": {"assistant_id": UNKNOWN_ASSISTANT},
    "the assistant_id 7": {"assistant_id": 7},
    "the assistant_id null": {"assistant_id": None},
}
FIELDS: Final[dict[str, Body]] = {
    "a config that is a string": {"config": "fast"},
    "a configurable that is a list": {"config": {"configurable": [1]}},
    "metadata that are a list": {"metadata": [1]},
    "a recursion_limit that is a string": {"config": {"recursion_limit": "many"}},
    "an unknown stream_mode": {"stream_mode": "telepathy"},
    "a stream_mode that is a number": {"stream_mode": 5},
    "an unknown durability": {"durability": "sometimes"},
    "after_seconds that are a string": {"after_seconds": "soon"},
    "a webhook that is a number": {"webhook": 5},
    "an empty webhook": {"webhook": ""},
    "a command that is a string": {"command": "stop"},
    "a stream_resumable that is a string": {"stream_resumable": "perhaps"},
}
FIELDS_ON_A_THREAD: Final[dict[str, Body]] = {
    "an unknown if_not_exists": {"if_not_exists": "perhaps"},
    "an interrupt_before that is a number": {"interrupt_before": 5},
}
WATCHED_FIELDS: Final[dict[str, Body]] = {"an unknown on_disconnect": {"on_disconnect": "perhaps"}}
"""Fields of the stream and wait endpoints only: the create endpoint has no client to disconnect."""

FIELDS_WITHOUT_A_THREAD: Final[dict[str, Body]] = {"an unknown on_completion": {"on_completion": "burn"}}

NOT_JSON: Final = {
    "an empty body": "",
    "a body that is not JSON": "stop it",
    "truncated JSON": '{"assistant_id": "agent", "input": {',
    "a trailing comma": '{"assistant_id": "agent",}',
    "a body that is a list": "[]",
    "a body that is null": "null",
}
BROKEN: Final = {name: NOT_JSON[name] for name in ("truncated JSON", "a body that is a list")}

RUN_QUERIES: Final = {
    "a limit that is a string": "limit=many",
    "an offset that is a string": "offset=far",
    "an unknown status": "status=flying",
    "an unknown field to select": "select=colour",
}
HISTORY_BODIES: Final[dict[str, Body]] = {
    "a negative limit": {"limit": -1},
    "a limit of zero": {"limit": 0},
    "a limit that is a string": {"limit": "many"},
    "metadata that are a string": {"metadata": "mine"},
}
SEARCH_BODIES: Final[dict[str, Body]] = {
    "a negative limit": {"limit": -1},
    "a limit that is a string": {"limit": "many"},
    "a limit beyond 64 bits": {"limit": 10**23},
    "a negative offset": {"offset": -1},
    "an unknown status": {"status": "flying"},
    "an unknown sort_by": {"sort_by": "colour"},
    "metadata that are a string": {"metadata": "mine"},
    "malformed ids": {"ids": ["no-uuid"]},
}
STATE_BODIES: Final[dict[str, Body]] = {
    "values that are a string": {"values": "none"},
    "messages that are a number": {"values": {"messages": 5}},
    "an unknown node": {"values": {"messages": []}, "as_node": "nowhere"},
}
THREAD_BODIES: Final[dict[str, Body]] = {
    "metadata that are a number": {"metadata": 5},
    "a thread_id that is a number": {"thread_id": 5},
    "an unknown if_exists": {"if_exists": "perhaps"},
    "the id of a thread that exists": {"thread_id": "{main}"},
}
BULK_BODIES: Final[dict[str, Body]] = {
    "a thread_id without run_ids": {"thread_id": "{main}"},
    "run_ids without a thread_id": {"run_ids": ["{A}"]},
    "a malformed thread_id": {"thread_id": "no-uuid", "run_ids": ["{A}"]},
    "a malformed run id": {"thread_id": "{main}", "run_ids": ["no-uuid"]},
    "run_ids that are a string": {"thread_id": "{main}", "run_ids": "all"},
}
# Valid JSON, but so deep that a parser that recurses may reach its limit.
DEEP: Final = '{"assistant_id": "agent", "input": ' + '{"deeper": ' * 500 + "1" + "}" * 501
ODD_ORDERS: Final[dict[str, Body]] = {
    "after_seconds beyond any calendar": {"after_seconds": 1e300},
    "a recursion_limit beyond 64 bits": {"config": {"recursion_limit": 10**30}},
    "a NUL character in the metadata": {"metadata": {"key": "a\u0000b"}},
    "an input that is a number": {"input": 5},
}
ODD_QUERIES: Final = {
    "a negative limit": "limit=-1",
    "a limit of zero": "limit=0",
    "a limit beyond 64 bits": "limit=100000000000000000000000",
    "a negative offset": "offset=-1",
    "an unknown parameter": "colour=blue",
}

OF_A_THREAD: Final[tuple[tuple[Method, str], ...]] = (("GET", ""), ("DELETE", ""), ("GET", "/state"), ("GET", "/runs"))
OF_A_RUN: Final[tuple[tuple[Method, str], ...]] = (("GET", ""), ("DELETE", ""), ("POST", "/cancel"))
WATCHING: Final[tuple[tuple[Method, str], ...]] = (("GET", "/join"), ("GET", "/stream"))


def scenarios() -> Iterator[Scenario]:
    """Yield one scenario for each endpoint, and for each kind of error that several endpoints share."""
    for endpoint, path in ON_A_THREAD.items():
        fields = FIELDS | FIELDS_ON_A_THREAD | (WATCHED_FIELDS if endpoint != "create" else {})
        asks = (*_orders(path, fields, "field"), *_orders(path, STRATEGIES, "strategy"), *_any_run(path))
        yield _after(f"runs/{endpoint}", f"sends wrong requests for a run on the thread ({endpoint})", asks)
    for endpoint, path in WITHOUT_A_THREAD.items():
        fields = FIELDS | FIELDS_WITHOUT_A_THREAD | (WATCHED_FIELDS if endpoint != "create" else {})
        asks = (*_orders(path, fields, "field"), *_any_run(path))
        yield _after(f"stateless/{endpoint}", f"sends wrong requests for a stateless run ({endpoint})", asks)
    yield _busy()
    yield _after("malformed-ids", "sends requests with malformed ids", _malformed_ids())
    yield _after("unknown-ids", "sends requests with ids of no thread and no run", _unknown_ids())
    yield _after("missing-thread", "sends requests for runs on a thread that does not exist", _missing_thread())
    yield _after("reads", "sends wrong requests for lists, searches and histories", _reads())
    yield _after("writes", "sends wrong requests for new threads and state updates", _writes())
    yield _after("bulk-cancel", "sends bulk cancels that do not name their runs correctly", _bulk_cancels())
    yield _after("odd", "sends odd requests, to which any answer is legal but a failure of the server", _odd())


def _after(where: str, about: str, asks: Iterable[Ask]) -> Scenario:
    return Scenario(
        id=f"bad-input/{where}",
        about=f"Between two plain turns a client {about}.",
        moves=(
            Submit(label="A", text=SF),
            AwaitEnd(label="A"),
            *asks,
            # Runs that a rejected request has created anyway. The usual limit of 10 would hide some.
            ListRuns(limit=100),
            Submit(label="B", text=NYC, strategy="enqueue"),
            AwaitEnd(label="B"),
        ),
    )


def _busy() -> Scenario:
    cancel = "/threads/{main}/runs/{A}/cancel"
    return Scenario(
        id="bad-input/busy",
        about="While A is held, a client double-texts it with unknown strategies and cancels it with wrong parameters.",
        moves=(
            *held_first(IN_TOOLS),
            *(ask for path in ON_A_THREAD.values() for ask in _orders(path, STRATEGIES, "strategy")),
            _ask("query", f"POST {cancel} with an unknown action", "POST", f"{cancel}?action=explode"),
            _ask("query", f"POST {cancel} with a wait that is not a boolean", "POST", f"{cancel}?wait=perhaps"),
            ListRuns(limit=100),
            Look(),
            Release(),
            AwaitEnd(label="A"),
            Submit(label="B", text=NYC, strategy="enqueue"),
            AwaitEnd(label="B"),
        ),
    )


def _any_run(path: str) -> Iterator[Ask]:
    """Yield the errors that a request for a run can have on every endpoint."""
    yield Ask(
        fault="assistant", what=f"POST {path} without an assistant_id", method="POST", path=path, order={},
        without=("assistant_id",),
    )  # fmt: skip
    yield from _orders(path, ASSISTANTS, "assistant")
    yield from _texts(path, NOT_JSON)


def _orders(path: str, orders: dict[str, Body], fault: Mistake) -> Iterator[Ask]:
    for name, order in orders.items():
        yield Ask(fault=fault, what=f"POST {path} with {name}", method="POST", path=path, order=order)


def _bodies(path: str, bodies: dict[str, Body], fault: Mistake) -> Iterator[Ask]:
    for name, body in bodies.items():
        yield _ask(fault, f"POST {path} with {name}", "POST", path, body)


def _texts(path: str, texts: dict[str, str]) -> Iterator[Ask]:
    for name, text in texts.items():
        yield Ask(fault="json", what=f"POST {path} with {name}", method="POST", path=path, text=text)


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
    for method, rest in WATCHING:
        yield _bare("join", method, f"/threads/{{missing}}/runs/{{nobody}}{rest}")
        yield _bare("join", method, f"/threads/{{main}}/runs/{{nobody}}{rest}")
    yield _ask("unknown", "POST /threads/{missing}/history", "POST", "/threads/{missing}/history", {})
    yield _ask("unknown", "PATCH /threads/{missing}", "PATCH", "/threads/{missing}", {"metadata": {"a": 1}})
    state: Body = {"values": {"messages": []}}
    yield _ask("unknown", "POST /threads/{missing}/state", "POST", "/threads/{missing}/state", state)
    named = {"thread_id": "{main}", "run_ids": ["{nobody}"]}
    yield _ask("unknown", "POST /runs/cancel of an unknown run", "POST", "/runs/cancel", named)


def _missing_thread() -> Iterator[Ask]:
    for rest in ("", "/stream", "/wait"):
        path = f"/threads/{{missing}}/runs{rest}"
        orders: dict[str, Body] = {
            "no other error": {},
            "if_not_exists=reject": {"if_not_exists": "reject"},
            "the strategy `reject`": {"multitask_strategy": "reject"},
        }
        yield from _orders(path, orders, "thread")
    yield _ask("thread", "GET /threads/{missing} afterwards", "GET", "/threads/{missing}")


def _reads() -> Iterator[Ask]:
    runs, history, search = "/threads/{main}/runs", "/threads/{main}/history", "/threads/search"
    for name, query in RUN_QUERIES.items():
        yield _ask("query", f"GET {runs} with {name}", "GET", f"{runs}?{query}")
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
    yield from _texts("/runs/cancel", {"truncated JSON": "{"})


def _odd() -> Iterator[Ask]:
    # On a thread of their own: a deployment may accept these, and their runs must not queue before B.
    path = "/threads/{other}/runs"
    yield from _orders(path, ODD_ORDERS, "odd")
    yield Ask(fault="odd", what=f"POST {path} with an input of 500 levels", method="POST", path=path, text=DEEP)
    for listed in ("/threads/{main}/runs", "/threads/{main}/history"):
        for name, query in ODD_QUERIES.items():
            yield _ask("odd", f"GET {listed} with {name}", "GET", f"{listed}?{query}")
    yield _bare("odd", "GET", "/threads/%00")
