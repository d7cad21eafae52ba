"""The kill switch inside the supervisor: its orders come from here, and its word goes to every worker.

Ways in, each with the name of who asked: the control socket (0600; the kernel says which user is at the other end),
SIGUSR1 (halts everything), the sentinel file, signed calls on the health listener. None of them can be reached through
the proxy's port; none but the control socket and a signed call can release anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import pwd
from typing import TYPE_CHECKING, Any

from clyra_proxy.enforcement.halt.book import Order
from clyra_proxy.enforcement.halt.model import EVERYTHING, NOBODY, Actor, Cause, Channel, Place, Scope
from clyra_proxy.enforcement.halt.office import HaltOffice, Push
from clyra_proxy.engine.control import Message
from clyra_proxy.engine.launch import Launch
from clyra_proxy.engine.signed_orders import SignedOrders
from clyra_proxy.errors import ClyraError, UsageError
from clyra_proxy.evidence.changes import ChangeRecorder
from clyra_proxy.policy.models import PolicyDocument
from clyra_proxy.policy.sharing import Store
from clyra_proxy.state.opening import open_state

if TYPE_CHECKING:
    from clyra_proxy.enforcement.halt.shared import SharedHalts

ORDER_S = 30.0
"""How long a signed order may take to be carried out."""


class Halting:
    """One per supervisor. push: hands a snapshot to all workers."""

    def __init__(self, launch: Launch, push: Push) -> None:
        home = launch.home
        settings = launch.document.enforcement.halt
        chosen = settings.sentinel_file
        sentinel = launch.policy_file.resolve().parent / chosen if chosen else None
        self._loop = asyncio.get_running_loop()
        self._recorder = ChangeRecorder(home)
        self.office = HaltOffice(home.halts, settings, push, self._recorder, sentinel=sentinel)
        self._destinations = _names(launch.document)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running: list[asyncio.Task[None]] = []
        state, folder = launch.document.enforcement.state, launch.policy_file.resolve().parent
        self._state = open_state(state, home, folder)
        self.signed = SignedOrders(home.halts / "keys", self._state, self._carry)
        self._shared: SharedHalts | None = None
        if state.store is Store.REDIS:  # its client is a large thing to import for who has none
            from clyra_proxy.enforcement.halt.shared import SharedHalts
            from clyra_proxy.state.server import find_server

            self._shared = SharedHalts(find_server(state, folder), lambda: self.office.halts, self.office.merge)
            self.office.shared = self._shared.tell
            self.office.clock = self._shared.now
            self._shared.hear = lambda tally: self.office.heard({"tally": tally})

    async def start(self) -> None:
        """Look once, and watch from now on. Raises EvidenceError."""
        await self._recorder.start()
        if self._shared is not None:
            await self._shared.begin()
        await self.office.step()
        self._running = [asyncio.create_task(self.office.run(), name="kill switch")]
        if self._shared is not None:
            self._running.append(asyncio.create_task(self._shared.run(), name="shared halts"))

    async def close(self) -> None:
        """Hand over the last evidence and stop watching."""
        for task in self._running:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5.0)
        if self._shared is not None:
            await self._shared.close()
        if self._running:
            await self._recorder.close()
        if (close := getattr(self._state, "close", None)) is not None:
            await asyncio.to_thread(close)

    @property
    def journal(self) -> ChangeRecorder:
        """The supervisor's link to the recorder, for whatever else changes the proxy."""
        return self._recorder

    def configure(self, document: PolicyDocument, generation: int) -> None:
        """Another policy is in force."""
        self.office.configure(document.enforcement.halt)
        self._destinations = _names(document)
        self.office.generation = generation

    def hear(self, message: Message) -> None:
        """A worker's report; nothing waits for what it leads to."""
        self._begin(self.office.heard(message))
        if self._shared is not None and (tally := message.get("tally")):
            self._begin(self._shared.count(tally))

    def signalled(self) -> None:
        """SIGUSR1: halt everything."""
        order = Order(Cause.MANUAL, Channel.SIGNAL, "SIGUSR1")
        self._begin(self.office.halt(EVERYTHING, order))

    async def command(self, request: Message) -> Message:
        """Answer `halt` or `resume` of the control socket."""
        return await self.order(request, Channel.CLI, _user(request.get("peer_uid")))

    async def order(self, request: Message, channel: Channel, asker: Actor) -> Message:
        """Carry out an order: `command`, `scope`, `reason`, `for_s`, `by`. Never raises; a refusal is an answer."""
        try:
            place = Place.ordered(str(request.get("scope", "")))
            order = read_order(request, channel, asker)
            if request["command"] == "halt":
                return {**await self.office.halt(place, order), **self._unmet(place)}
            return await self.office.release(place, order, order.lasting_s)
        except ClyraError as error:
            return {"ok": False, "what": error.what, "why": error.why, "todo": error.todo}
        except (TypeError, ValueError):
            return {"ok": False, "what": "The order makes no sense.", "why": "", "todo": ""}

    def _unmet(self, place: Place) -> Message:
        """A note where the policy has no such destination and it looks like no host: most likely a slip."""
        known = place.scope is not Scope.DESTINATION or place.target in self._destinations
        if known or not place.target.isascii() or any(mark in place.target for mark in ".:"):
            return {}
        return {"note": f"The policy has no destination `{place.target}`; this stops only a host of that name."}

    def _carry(self, order: Message, asker: Actor) -> Message:
        """A signed order, in a thread of the listener."""
        return asyncio.run_coroutine_threadsafe(self.order(order, Channel.API, asker), self._loop).result(ORDER_S)

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def read_order(request: Message, channel: Channel, asker: Actor) -> Order:
    """A person's order, which says why, whichever way it comes. Raises UsageError, TypeError, ValueError."""
    by, reason, lasting = request.get("by"), request.get("reason"), request.get("for_s")
    if not isinstance(reason, str) or not reason.strip():
        raise UsageError("A reason is needed.", "It is kept in the evidence.", "Give `reason`, or --reason TEXT.")
    if not isinstance(by, str | None) or isinstance(lasting, bool):
        raise TypeError("not what an order says")
    actor = Actor(f"{by} ({asker.name})" if by else asker.name, asker.auth)
    return Order(Cause.MANUAL, channel, reason.strip(), actor, None if lasting is None else float(lasting))


def _names(document: PolicyDocument) -> frozenset[str]:
    """Names of destinations as halts compare them."""
    return frozenset(name.lower() for name in document.destinations)


def _user(uid: object) -> Actor:
    """The name of a user of this machine, as the kernel knows it."""
    if not isinstance(uid, int):
        return NOBODY
    with contextlib.suppress(KeyError):
        return Actor(pwd.getpwuid(uid).pw_name, "os")
    return Actor(f"uid {uid}", "os")
