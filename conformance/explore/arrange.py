"""The scenario that a list of actions makes: which moves they are, and where the play has to wait.

A wait makes a moment certain. Where the position of a run in the queue is uncertain, it does not wait, and the
rest of the history is a race.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from conformance.explore import actions as a
from conformance.scenarios import moves as s
from conformance.scenarios.scenario import Scenario

QUESTION = "tools:1"
"""The step in which a run asks a human, or fails."""


class Arranger:
    """The moves so far, and what they let one expect of the runs."""

    def __init__(self) -> None:
        self.moves: list[s.Move] = []
        self.runs: list[s.Submit] = []
        self.held: set[str] = set()
        """The runs that are certainly at their hold."""
        self.parked: s.Submit | None = None
        """The run that certainly waits for a human, with nothing in flight."""
        self.finished: s.Submit | None = None
        """The run that certainly ended the last pass of the graph, with nothing in flight and no question."""
        self.open: list[str] = []
        """The runs that may be in flight."""
        self.clients: list[str] = []
        self.updates = 0
        self.joins = 0

    def of(self, back: int) -> s.Submit | None:
        """Return the run that was created `back` runs before the newest."""
        return self.runs[-1 - back] if back < len(self.runs) else None

    def submit(self, text: a.Text) -> s.Submit:
        """Return the move that creates the next run."""
        number = len(self.runs)
        ends = (QUESTION,)
        # A hold that only a cancelled step reaches needs a step that lingers.
        lingers = text.hold.endswith("/cancelled")
        move = s.Submit(
            label=a.LABELS[number],
            text=f"what's the weather in {a.PLACES[number]}?",
            strategy=text.strategy,
            endpoint=text.endpoint,
            hold=(*(("tools:1/enter",) if lingers else ()), text.hold) if text.hold else (),
            fail=ends if text.ends == "error" else (),
            interrupt=ends if text.ends == "parked" else (),
            on_cancel="linger" if lingers and text.on_cancel == "stop" else text.on_cancel,
            durability=text.durability,
            on_disconnect=text.leaves if text.endpoint != "create" else None,
            stream_mode=("values", "updates", "messages-tuple") if text.tokens and text.endpoint == "stream" else (),
            resumable=text.resumable and text.endpoint == "stream",
        )
        self.runs.append(move)
        if text.endpoint != "create":
            self.clients.append(move.label)
        return move

    def add(self, action: a.Action) -> None:
        """Append the moves of one action. One that makes no sense here has none."""
        full = len(self.runs) >= len(a.LABELS) - 1
        if not isinstance(action, a.Read | a.Join | a.Replay | a.Reply):
            self.parked = self.finished = None
        match action:
            case a.Text() if not full:
                self.created(self.submit(action), action)
            case a.Both() if not full:
                pair = self.submit(action.first), self.submit(action.second)
                self.moves.append(s.Together(moves=pair))
                self.open += [move.label for move in pair]
            case a.Reply() if not full:
                self.moves += list(self.reply(action))
            case a.Edit():
                self.updates += 1
                self.moves.append(s.UpdateState(text=f"note {self.updates}"))
            case a.Read():
                self.moves.append(_reading(action))
            case a.Leave() if action.back < len(self.clients):
                self.moves += list(self.leave(self.clients[-1 - action.back]))
            case a.Replay() | a.Reconnect():
                self.moves += list(self.resume(action))
            case a.Remove(thread=True) if self.runs:
                self.moves.append(s.Delete())
            case a.StopAll() if self.runs:
                self.moves.append(s.CancelMany(labels=tuple(run.label for run in self.runs[-action.count :])))
            case a.Stop() | a.Let() | a.Join() | a.Remove():
                run = self.of(action.back)
                if run is not None:
                    self.moves += list(self.about(action, run))
            case _:
                pass

    def created(self, move: s.Submit, text: a.Text) -> None:
        """Append the creation of a run and the waits that make its moment certain."""
        self.moves.append(move)
        before, self.open = list(self.open), [*self.open, move.label]
        if not text.settled:
            self.held.clear()
            return
        if move.strategy in ("interrupt", "rollback") and before and before[-1] in self.held:
            self.moves.append(s.AwaitSuperseded(label=before[-1], by=move.label))
            if any(point.endswith("/cancelled") for run in self.runs for point in run.hold if run.label == before[-1]):
                return  # the run lingers until it is released, and the new one waits for it
            before, self.open = [], [move.label]
        first = next((point for point in move.hold if not point.endswith("/cancelled")), None)
        ends_before = bool(move.fail or move.interrupt) and first == "agent:2/token"
        if not before and first is not None and not ends_before:
            self.moves.append(s.AwaitPoint(label=move.label, point=first))
            self.held = {move.label}
        elif not before and not move.hold:
            self.moves.append(s.AwaitEnd(label=move.label))
            self.open, self.parked = [], move if move.interrupt else None
            self.finished = None if move.interrupt or move.fail else move

    def reply(self, reply: a.Reply) -> Iterator[s.Move]:
        """Yield the creation of a run that answers the newest question, or a question that no run asked."""
        asked, self.parked, self.finished = self.parked or self.finished, None, None
        if asked is None:
            return
        move = s.Submit(label=a.LABELS[len(self.runs)], text=asked.text, strategy=reply.strategy, answers=asked.label)
        self.runs.append(move)
        self.open.append(move.label)
        yield move

    def leave(self, name: str) -> Iterator[s.Move]:
        """Yield the disconnect of a client, and the wait for the stop that it causes."""
        run = next((run for run in self.runs if run.label == name), None)
        if run is not None and run.endpoint == "wait" and name not in self.held:
            return  # the id of the run is not known yet, and could not be found out later
        self.clients.remove(name)
        yield s.Leave(name=name)
        if run is not None and run.on_disconnect == "cancel" and name in self.held:
            yield s.AwaitStopped(label=name)
            self.held.discard(name)

    def resume(self, action: a.Replay | a.Reconnect) -> Iterator[s.Move]:
        """Yield the moves of a client that joins the newest resumable stream with a Last-Event-ID."""
        run = next((run for run in reversed(self.runs) if run.resumable), None)
        if run is None or (isinstance(action, a.Reconnect) and run.label not in self.clients):
            return
        if isinstance(action, a.Reconnect):
            yield from self.leave(run.label)
        yield self.watch(run.label, since="-1" if isinstance(action, a.Replay) else run.label)

    def watch(self, label: str, how: Literal["join", "stream"] = "stream", **options: Any) -> s.Watch:
        """Return the connection of a further client to a run."""
        self.joins += 1
        name = f"J{self.joins}"
        self.clients.append(name)
        # A replay is compared with all that the run's own client received, so it names no modes.
        named = how == "stream" and options.get("since") is None
        modes: tuple[s.StreamMode, ...] = ("values", "updates") if named else ()
        return s.Watch(name=name, label=label, how=how, modes=modes, **options)

    def about(self, action: a.Stop | a.Let | a.Join | a.Remove, run: s.Submit) -> Iterator[s.Move]:
        """Yield the moves of an action about one run."""
        label = run.label
        match action:
            case a.Stop():
                yield s.Cancel(label=label, action=action.action, wait=action.wait or None, patient=action.wait)
                if label in self.held:
                    yield s.AwaitStopped(label=label)
                    self.held.discard(label)
            case a.Let():
                yield s.Release(label=label)
                self.held.discard(label)
                if action.settled and self.open[:1] == [label]:
                    yield s.AwaitEnd(label=label)
                    self.open.remove(label)
                    self.parked = run if run.interrupt and not self.open else None
            case a.Join():
                yield self.watch(label, action.how, cancel_on_disconnect=action.cancels or None)
            case a.Remove():
                yield s.Delete(label=label)
                self.held.discard(label)


def _reading(read: a.Read) -> s.Move:
    match read.what:
        case "statuses":
            return s.Look()
        case "state":
            return s.ReadState()
        case "all":
            return s.ListRuns(limit=100)
        case "busy" | "idle":
            return s.SearchThreads(status=read.what)
        case _:
            return s.ListRuns(limit=100, status=read.what)


def scenario(actions: Sequence[a.Action], name: str = "explore/history") -> Scenario:
    """Return the scenario of a list of actions. At its end every hold is released and every run has ended."""
    arranger = Arranger()
    for action in actions:
        arranger.add(action)
    ends = [s.AwaitEnd(label=run.label) for run in arranger.runs]
    moves = (*arranger.moves, s.Release(), *ends, s.ReadState())
    return Scenario(id=name, about=f"A random history with {len(arranger.runs)} runs.", moves=moves)
