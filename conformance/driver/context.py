"""The state of one play that its moves share, and the way to wait for the next event."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any, Literal

from conformance.api import GONE, IN_FLIGHT, TERMINAL, made_run
from conformance.driver.clients import Clients
from conformance.driver.deadlines import Deadlines
from conformance.driver.http import Http
from conformance.driver.witness import Witness
from conformance.scenarios import moves as s
from conformance.transcript import ids
from conformance.transcript.recorder import Recorder, now
from conformance.transcript.transcript import AnyMoment, Missed, ProbeUse, Request, Response, WitnessEvent

Contradiction = Literal["begun but pending", "in flight but not busy"]


class Context:
    """One play of one scenario, through `http`, on the agent that `assistant` names."""

    def __init__(
        self, *, http: Http, recorder: Recorder, deadlines: Deadlines, assistant: str, witness: Witness, probe: ProbeUse
    ) -> None:
        self.http = http
        self.recorder = recorder
        self.deadlines = deadlines
        self.assistant = assistant
        self._witness = witness
        self.witness_url, self.channel = witness.open(recorder)
        self.play_id = self.witness_url.rpartition("/")[2]
        self.threads: dict[str, str] = {}
        # Well-formed ids, so that the deployment has to look them up (404) and cannot refuse their form (422).
        self.unknown_thread, self.unknown_run = str(uuid.uuid4()), str(uuid.uuid4())
        self.thread_of: dict[str, str | None] = {}
        """Thread ids by run. None until the deployment reports the thread of a stateless run."""
        self.submits: dict[str, s.Submit] = {}
        """The move that created each run."""
        self.run_ids: dict[str, str] = {}
        self._searched: dict[str, int] = {}
        """The moments that could name each run when its id was searched last."""
        self.statuses: dict[str, str] = {}
        self._changed: dict[str, float] = {}
        """The time at which each run's status was first read as it is now."""
        self._missing: dict[str, float] = {}
        """The time at which each run was first not found, although it had just been created."""
        self.answered: set[str] = set()
        """The runs whose creation has its whole answer and, without an id in it, was looked up in the list of runs."""
        self.probe = probe
        self.deleted_crons: set[str] = set()
        self.joins: dict[str, asyncio.Task[None]] = {}
        self.readers: dict[str, list[str]] = {}
        self.clients = Clients(http, recorder)
        self.child: str | None = None
        self.proved: set[Contradiction] = set()
        """The contradictions that lasted too long for a row that lags."""
        self._background: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self.news = 0
        """The number of moments that are no reading of the statuses, and so may announce that one changes."""
        self._looks: set[int] = set()
        recorder.on_moment = self._notice
        self.on_status: Callable[[], None] = lambda: None
        """Called when a run is shown with another status."""

    async def until(
        self, happened: Callable[[], bool], seconds: float, awaited: str | None = None, *, of: str | None = None
    ) -> bool:
        """Wait until `happened` returns true, and return whether it did. It is called after every moment.

        After `seconds`, record `awaited` as missed, and whether run `of` had begun. Return False at once when the
        deployment is lost.
        """
        try:
            async with asyncio.timeout(seconds):
                while not happened():
                    if self.http.lost is not None:
                        return False
                    await self.next_moment()
        except TimeoutError:
            if awaited is not None:
                unstarted = of is not None and not self.begun(of)
                self.recorder.add(Missed, awaited=awaited, seconds=seconds, unstarted=unstarted)
            return False
        return True

    def _notice(self, moment: AnyMoment) -> None:
        """Wake all waits, and count the moment if it is news."""
        self.wake()
        if isinstance(moment, Request) and moment.purpose == "look":
            self._looks.add(moment.exchange)
        elif not (isinstance(moment, Response) and moment.exchange in self._looks):
            self.news += 1

    def wake(self) -> None:
        """Let every wait look again whether it is over."""
        self._wake.set()

    async def next_moment(self) -> None:
        """Wait until another moment is recorded, or a background task ends."""
        # No moment is lost between the caller's test and this line, because there is no await in between.
        self._wake.clear()
        await self._wake.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start `work` in the background, and return its task. Its end wakes `next_moment`."""
        task = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._wake.set())
        self._background.add(task)
        return task

    async def finish_background(self) -> None:
        """Wait for the joins and streams of finished runs, for at most one `answer` deadline."""
        if self._background and self.http.lost is None:
            await asyncio.wait(self._background, timeout=self.deadlines.answer)

    async def cancel_background(self) -> None:
        """Cancel every background request that is still waiting for an answer."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def close(self) -> None:
        """Close this play's channel at the witness."""
        self._witness.close(self.witness_url)

    def _reports(self, label: str) -> list[WitnessEvent]:
        return self.recorder.index.reports(label)

    def begun(self, label: str) -> bool:
        """Return whether the run has begun: a step reported, or without a witness its status left `pending`."""
        if self.probe == "witnessed":
            return bool(self._reports(label))
        return self.statuses.get(label, "pending") != "pending"

    def reported(self, label: str, step: str, event: str) -> bool:
        """Return whether the agent reported this event of this step."""
        return any((r.step, r.event) == (step, event) for r in self._reports(label))

    def stopped(self, label: str) -> bool:
        """Return whether the run's newest step has noticed its cancellation, or has ended in another way."""
        if self.probe != "witnessed":
            return self.ended(label)
        reports = self._reports(label)
        return bool(reports) and reports[-1].event in ("cancelled", "exit", "gone")

    def over(self, label: str, end_reported: bool) -> bool:
        """Return whether the run has ended.

        `end_reported`: a client that waits for the end has its answer.
        """
        status = self.statuses.get(label)
        # A deployment may use a terminal status that the API does not have. RUN-01 judges that. The play must not wait
        # for its deadline because of it, so the answer to a waiting client counts as the end, too.
        return self.ended(label) or (end_reported and status is not None and status not in IN_FLIGHT)

    def ended(self, label: str) -> bool:
        """Return whether the status of the run is terminal, or an undocumented one that does not change any more."""
        status = self.statuses.get(label)
        if status is None or status in IN_FLIGHT:
            return False
        if status in TERMINAL | {GONE}:
            return True
        # A status such as `cancelling` changes again. The window in which nothing may happen shows that this one stays.
        return self._resting(label) and now() - self._changed[label] >= self.deadlines.observe

    def at_rest(self) -> set[str]:
        """Return the runs that have ended and of which no step is still executing."""
        return {label for label in self.statuses if self.ended(label) and self._resting(label)}

    def _resting(self, label: str) -> bool:
        reports = self._reports(label)
        return not reports or reports[-1].event in ("exit", "gone")

    def thread_lags(self) -> bool:
        """Return whether the main thread was last read as `busy`, although all of its runs have ended."""
        thread = self.http.reading("look", s.MAIN)
        busy = isinstance(thread, dict) and thread.get("status") == "busy"
        labels = [label for label, where in self.thread_of.items() if where == self.threads.get(s.MAIN)]
        mine = [label for label in labels if not self.refused(label)]
        return busy and bool(mine) and all(map(self.ended, mine))

    def one_left(self) -> bool:
        """Return whether at most one accepted run is not over."""
        accepted = [label for label in self.thread_of if not self.refused(label)]
        return sum(not self.ended(label) for label in accepted) <= 1

    def refused(self, label: str) -> bool:
        """Return whether the run does not exist: it has no thread, its creation did not succeed or it made no run."""
        if label not in self.thread_of:
            return True
        answer = self.http.answer("submit", label)
        if label in self.clients.disconnected and not isinstance(answer, Response):
            return False  # the client disconnected before the answer, so the run may exist
        failed = answer is not None and not (isinstance(answer, Response) and made_run(answer.status, answer.headers))
        return failed or self._made_no_run(label)

    def _made_no_run(self, label: str) -> bool:
        """Return whether the answer to the creation is complete, and no run came of it."""
        # A server that has begun its answer with 200 can refuse only in the body of a `wait`, or in an event. Such a
        # run is in no list and reports nothing, and the waits for it would last for their whole deadlines.
        if label not in self.answered or label in self.clients.disconnected:
            return False
        return not (self.learn_run_id(label) or self._reports(label))

    def learn_run_id(self, label: str) -> bool:
        """Look up the id of a run in the record, and a stateless run's thread. Return whether the run's id is known."""
        # Needed after every moment, and few of them can name a run.
        if self._searched.get(label) == (namings := self.recorder.index.namings):
            return label in self.run_ids
        self._searched[label] = namings
        moments = self.recorder.moments
        if label not in self.run_ids and (found := ids.run_id(moments, label)):
            self.run_ids[label] = found
        if label in self.thread_of and self.thread_of[label] is None and (thread := ids.thread_id(moments, label)):
            self.thread_of[label] = self.threads[s.thread_of(label)] = thread
        return label in self.run_ids

    def learn_status(self, label: str) -> None:
        """Store the status of the run from its newest reading."""
        answer = self.http.answer("look", f"run {label}")
        if not isinstance(answer, Response):
            return
        status = answer.body.get("status") if isinstance(answer.body, dict) else None
        status = GONE if answer.status == 404 else status
        if not isinstance(status, str) and self.statuses:
            # A server that shows other runs may answer so for one that was deleted. It counts if it stays.
            status = f"HTTP {answer.status}"
        if not isinstance(status, str):
            return
        # A run that was just created may not be in every copy of the data yet. Gone is what is still gone later.
        if (
            status == GONE
            and label not in self.statuses
            and now() - self._missing.setdefault(label, now()) < (self.deadlines.observe)
        ):
            return
        if self.statuses.get(label) != status:
            self.statuses[label], self._changed[label] = status, now()
            self.on_status()

    async def open_thread(self, name: str, why: str) -> None:
        """Create the thread that a scenario calls `name`. `why` is put into its metadata."""
        metadata = self._metadata(name, why)
        await self.http.call("create thread", name, self.http.client.threads.create(metadata=metadata))
        body = self.http.body("create thread", name)
        if isinstance(body, dict) and isinstance(body.get("thread_id"), str):
            self.threads[name] = body["thread_id"]

    async def open_again(self) -> None:
        """Create the deleted main thread again, under its id."""
        threads, metadata = self.http.client.threads, self._metadata(s.MAIN, "created again")
        await self.http.call("create again", s.MAIN, threads.create(thread_id=self.threads[s.MAIN], metadata=metadata))

    async def create_together(self, move: s.CreateTogether) -> None:
        """Create one thread with several requests at the same time. The client chooses its id."""
        chosen = self.threads.setdefault(move.name, str(uuid.uuid4()))
        create, metadata = self.http.client.threads.create, self._metadata(move.name, "created together")
        requests = (create(thread_id=chosen, metadata=metadata, if_exists=move.if_exists) for _ in range(move.times))
        await asyncio.gather(*(self.http.call("create together", move.name, request) for request in requests))

    async def copy_thread(self, name: str) -> None:
        """Copy the main thread. Without a usable answer there is no thread `name`."""
        await self.http.call("copy thread", name, self.http.client.threads.copy(self.threads[s.MAIN]))
        body = self.http.body("copy thread", name)
        found = body.get("thread_id") if isinstance(body, dict) else None
        if isinstance(found, str):
            self.threads[name] = found

    def _metadata(self, name: str, why: str) -> dict[str, Any]:
        # Searches filter by these values, so that they find only the main thread of this play, or only its threads.
        common: dict[str, Any] = {"doubletext": why, "doubletext_threads_of": self.play_id}
        # A value that is no text, for the searches that filter by it.
        common["doubletext_other"] = name == s.OTHER
        return common | ({"doubletext_play": self.play_id} if name == s.MAIN else {})

    async def thread_for(self, name: str) -> str | None:
        """Return the id of the thread that a scenario calls `name`, and create the thread if necessary.

        The missing thread has an id that no thread has. Return None when the deployment did not create the thread.
        """
        if name == s.MISSING:
            return self.unknown_thread
        if name == s.FRESH:
            return self.threads.setdefault(name, str(uuid.uuid4()))
        if name not in self.threads:
            await self.open_thread(name, "another thread")
        return self.threads.get(name)
