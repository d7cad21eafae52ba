"""A real partition: packets between a replica and the shared store vanish, while the other replica still has it.

Two network namespaces and a rule of the packet filter; nothing is closed, nothing is refused, nothing answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clyra_proxy.policy.sharing import OnLoss
from clyra_proxy.state.falling import FallingState
from clyra_proxy.state.memory import MemoryState
from clyra_proxy.state.redis import RedisState
from clyra_proxy.state.server import Server
from clyra_proxy.state.store import StateError
from tests.support import namespaces
from tests.support.namespaces import SERVER4, Namespace, Pod
from tests.support.redis import running_redis

pytestmark = pytest.mark.comprehensive


@dataclass(slots=True)
class Replica:
    """A store that lives in a namespace, as a worker's does."""

    place: Namespace
    store: FallingState

    def do[Result](self, work: Callable[[FallingState], Result]) -> Result:
        return self.place.call(lambda: work(self.store))

    def wins(self, token: str, who: str) -> bool:
        return self.do(lambda store: store.put_new(token, who, time.time(), 600)) == who

    def count(self) -> int:
        return self.do(lambda store: store.add("rows", 1, 600, time.time()))


@pytest.fixture
def pod() -> Iterator[Pod]:
    if why := namespaces.missing():
        pytest.skip(why)
    with Pod("127.0.0.1 localhost\n") as made:
        yield made


def test_a_replica_that_is_cut_off_uses_no_token_and_counts_alone(pod: Pod, tmp_path: Path) -> None:
    open_to_all = ("--bind", SERVER4, "--protected-mode", "no")
    with running_redis(tmp_path / "redis", *open_to_all, inside=pod.outside.call) as server:
        url = f"redis://{SERVER4}:{server.port}/0"
        here, there = (
            Replica(place, FallingState(RedisState(Server(url, timeout_s=1.0)), MemoryState(), OnLoss()))
            for place in (pod.inside, pod.outside)
        )
        assert [here.count(), there.count(), here.count()] == [1, 2, 3]
        assert here.wins("before", "here")
        assert not there.wins("before", "there")

        rule = f"OUTPUT -p tcp -d {SERVER4} --dport {server.port} -j DROP"
        pod.inside.must("iptables", "-I", *rule.split())
        for _ in range(3):
            with pytest.raises(StateError):
                here.wins("meanwhile", "here")
        assert here.count() == 1  # of its own
        assert here.store.lost
        assert there.count() == 4
        assert there.wins("meanwhile", "there")
        assert not there.store.lost

        pod.inside.must("iptables", "-D", *rule.split())
        deadline = time.monotonic() + 60
        while here.store.lost and time.monotonic() < deadline:
            here.count()
            time.sleep(0.1)
        assert not here.store.lost
        assert not here.wins("meanwhile", "here")
        assert here.count() == there.count() - 1
