"""The moves that create runs and update the state, with valid and invalid requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, assert_never

import msgspec

from conformance.api import LABEL_KEY, checkpoint_id, objects
from conformance.driver.context import Context
from conformance.driver.moves import watch
from conformance.driver.witness import webhook_url
from conformance.scenarios import moves as s
from doubletext.probe import Probe, to_config

GO_ON = "go on"
"""The answer to a question of the agent."""
PAGE = "http://localhost:3000"
"""The origin of a front end under development, which most deployments allow."""


async def submit(context: Context, move: s.Submit) -> None:
    """Create a run, and store its id if the deployment reports it."""
    label = move.label
    thread = None if move.thread == s.STATELESS else await context.thread_for(move.thread)
    if thread is None and move.thread != s.STATELESS:
        return  # the thread was not created, and without one this request would create a stateless run
    context.thread_of[label], context.submits[label] = thread, move
    # Before the request: the run may report before the request is answered.
    context.channel.hold(label, move.hold)
    body = run_request(context, move)
    runs, wire = context.http.client.runs, context.http
    match move.endpoint:
        case "create":
            await watch.complete(
                context, label, wire.call("submit", label, runs.create(thread, context.assistant, **body))
            )
        case "stream":
            context.readers[label] = [label]
            await watch.stream(
                context, label, "submit", label, runs.stream(thread, context.assistant, **body), reads=move.reads
            )
        case "wait":
            context.readers[label] = [label]
            wait = runs.wait(thread, context.assistant, raise_error=False, **body)
            await watch.await_answer(context, label, "submit", label, wait)
        case _:
            assert_never(move.endpoint)
    context.learn_run_id(label)
    if move.watch and label in context.run_ids:
        watch.join(context, label)


def run_request(context: Context, move: s.Submit) -> dict[str, Any]:
    """Return the arguments of the client's request for a run, without thread and assistant."""
    probe = Probe(
        version=move.probe_version,
        label=move.label,
        witness=context.witness_url if context.probe == "witnessed" else None,
        hold=dict.fromkeys(move.hold, context.deadlines.hold),
        fail=move.fail,
        interrupt=move.interrupt,
        on_cancel=move.on_cancel,
        work=move.work,
        show=move.show,
    )
    body: dict[str, Any] = {"metadata": {LABEL_KEY: move.label}}
    if given := ({} if context.probe == "none" else to_config(probe)["configurable"]) | move.configurable:
        body |= {"context": given} if move.by_context else {"config": {"configurable": given}}
    if move.continues:
        pass  # the official client sends no `input` that is null
    elif move.goto is not None:
        body["command"] = {"update": {"messages": [{"role": "user", "content": move.text}]}, "goto": move.goto}
    elif move.answers is None:
        named = {} if move.message_id is None else {"id": move.message_id}
        body["input"] = {"messages": [{"role": "user", "content": move.text, **named}]}
    else:
        answer = GO_ON if move.resume_value is None else move.resume_value
        answered = _questions(context)[: 1 if move.partly else None]
        body["command"] = {"resume": dict.fromkeys(answered, answer) if move.by_id else answer}
    if move.recursion_limit is not None:
        body["config"] = {**body.get("config", {}), "recursion_limit": move.recursion_limit}
    at = None if move.from_step is None else _checkpoint_after(context, move.from_step)
    modes = move.stream_mode or (("values", "updates") if move.endpoint == "stream" else ())
    optional: dict[str, Any] = {
        "multitask_strategy": move.strategy,
        "durability": move.durability,
        "stream_mode": list(modes) or None,
        "stream_resumable": move.resumable or None,
        "stream_subgraphs": move.subgraphs or None,
        "on_disconnect": move.on_disconnect,
        "interrupt_before": s.nodes(move.stop_before),
        "interrupt_after": s.nodes(move.stop_after),
        "checkpoint": None if at is None or move.checkpoint_by_id else _checkpoint(at),
        "checkpoint_id": at if move.checkpoint_by_id else None,
        "headers": {"accept-encoding": "gzip"} if move.gzip else None,
        "after_seconds": move.after_seconds,
        "if_not_exists": move.if_not_exists,
        "on_completion": move.on_completion,
        "webhook": move.webhook and webhook_url(context.witness_url, move.label, fails=move.webhook == "failing"),
    }
    return body | {name: value for name, value in optional.items() if value is not None}


async def create_batch(context: Context, runs: Iterable[tuple[str, str]]) -> None:
    """Create runs without a thread in one request, and store the ids that its answer shows."""
    submits = [s.Submit(label=label, text=text) for label, text in runs]
    orders: Any = [{"assistant_id": context.assistant, **run_request(context, submit)} for submit in submits]
    await context.http.call("batch", "batch", context.http.client.runs.create_batch(orders))
    for run in objects(context.http.body("batch", "batch")):
        metadata = run.get("metadata")
        label = metadata.get(LABEL_KEY) if isinstance(metadata, dict) else None
        if isinstance(label, str) and isinstance(run.get("run_id"), str):
            # Without its thread, which is deleted with the run, so that nothing polls its status.
            context.run_ids[label], context.thread_of[label] = run["run_id"], None


async def update_state(context: Context, move: s.UpdateState) -> None:
    """Update the state, unless the move names a checkpoint that the history did not have."""
    at = None if move.from_step is None else _checkpoint_after(context, move.from_step)
    if move.from_step is None or at is not None:
        values = {"messages": [{"role": "user", "content": move.text}]}
        thread, where = context.threads[s.MAIN], None if at is None else _checkpoint(at)
        update = context.http.client.threads.update_state(thread, values, as_node=move.as_node, checkpoint=where)
        await context.http.call("update state", s.MAIN, update)


def _checkpoint(checkpoint_id: str) -> Any:
    """Return a checkpoint of the thread's own graph, as requests name it."""
    return {"checkpoint_ns": "", "checkpoint_id": checkpoint_id}


def _questions(context: Context) -> list[str]:
    """Return the ids of the open questions, in the state that was read last."""
    state = context.http.body("mid state", s.MAIN)
    tasks = objects(state.get("tasks")) if isinstance(state, dict) else []
    found = [question.get("id") for task in tasks for question in objects(task.get("interrupts"))]
    return [name for name in found if isinstance(name, str)]


def _checkpoint_after(context: Context, step: str) -> str | None:
    """Return the id of the oldest checkpoint whose newest step is `step`, in the history that was read last."""
    # Histories are newest first, so the last match is the oldest.
    found = None
    for entry in objects(context.http.body("mid history", s.MAIN)):
        values = entry.get("values")
        steps = values.get("steps") if isinstance(values, dict) else None
        if isinstance(steps, list) and steps[-1:] == [step]:
            found = checkpoint_id(entry)
    return found


async def ask(context: Context, move: s.Ask) -> None:
    """Send a request that the scenario spells out, valid or not."""
    body = move.body
    if move.order is not None:
        order = run_request(context, s.Submit(label=s.ASKED, text="hello"))
        body = {"assistant_id": context.assistant, **order, **move.order}
        body = {field: value for field, value in body.items() if field not in move.without}
    content = None if body is None else msgspec.json.encode(body).decode()
    content = move.text if move.text is not None else content
    names = {
        "main": context.threads[s.MAIN],
        "missing": context.unknown_thread,
        "nobody": context.unknown_run,
        **context.run_ids,
    }
    if "{other}" in move.path:
        # Created only when it is used: it would be one more request in every other scenario.
        names["other"] = await context.thread_for(s.OTHER) or context.unknown_thread
    path = _filled(move.path, names)
    content = None if content is None else _filled(content, names)
    if move.fault == "join" and path.endswith("/stream"):
        # Its events are the answer, and only the official client's stream is read event by event.
        events = context.http.client.http.stream(path, move.method)
        await context.http.consume("ask", move.what, events, seconds=context.deadlines.answer)
        return
    await context.http.send("ask", move.what, move.method, path, content)


async def query(context: Context, move: s.Query) -> None:
    """Send a request that reads, unless it names a checkpoint that the history did not have."""
    content = None if move.body is None else msgspec.json.encode(move.body).decode()
    names = {"main": context.threads[s.MAIN], "play": context.play_id, **context.threads, **context.run_ids}
    history = context.http.body("mid history", s.MAIN)
    for position, entry in enumerate(history if isinstance(history, list) else ()):
        found = checkpoint_id(entry) if isinstance(entry, dict) else None
        if found is not None:
            names[f"checkpoint {position}"] = found
    path, content = _filled(move.path, names), None if content is None else _filled(content, names)
    if "{checkpoint" not in path + (content or ""):
        await context.http.send(move.purpose, s.MAIN, move.method, path, content)


async def browse(context: Context, what: str) -> None:
    """Send a request with the headers that a browser adds for a page of another origin."""
    waits = f"/threads/{context.threads[s.MAIN]}/runs/wait"
    if what == "preflight":
        asked = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
        await context.http.send("preflight", what, "OPTIONS", waits, None, more_headers={"origin": PAGE, **asked})
        return
    order: dict[str, Any] = {"limit": 1}
    if what == "wait":
        order = {"assistant_id": context.assistant, **run_request(context, s.Submit(label=s.ASKED, text="hello"))}
    content = msgspec.json.encode(order).decode()
    path = "/threads/search" if what == "search" else waits
    await context.http.send(
        "page", what, "POST", path, content, more_headers={"origin": PAGE}, seconds=context.http.patience
    )


def _filled(text: str, names: Mapping[str, str]) -> str:
    """Return `text` with every `{name}` in `names` replaced. Other braces stay, since JSON is full of them."""
    return re.sub(r"{(\w+(?: \d+)?)}", lambda found: names.get(found[1], found[0]), text)
