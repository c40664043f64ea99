"""What happens to clients while the operator changes their cluster, or servers of it fail. A checker
counts; its figures are printed."""
import asyncio
import json
import os
import signal
import time

import nats
import pytest

from harness.local import CLIENT_PORT, MONITOR_PORT, Local, cluster, get, has_kubectl, pod_ready
from harness.raw import Raw
from harness.server import wait_until

# Of a client: noticing the loss, reconnecting, subscriptions reaching all servers again.
LONGEST_GAP_S = 15


@pytest.fixture
def local(tmp_path):
    started = []

    def start(*documents, **options):
        started.append(Local(tmp_path / f"local{len(started)}", *documents, **options))
        return started[-1]

    yield start
    for one in started:
        one.discard()


class Load:
    """Publishes numbers and makes requests from one server to another until told to stop."""

    def __init__(self):
        self.published = 0
        self.received = []
        self.answered = 0
        self.failed = 0
        self.longest_gap = 0.0

    async def run(self, urls, until):
        options = {"max_reconnect_attempts": -1, "reconnect_time_wait": 0.1, "connect_timeout": 2,
                   "error_cb": self.ignore, "ping_interval": 5}
        sender = await nats.connect(urls, name="sender", **options)
        receiver = await nats.connect(list(reversed(urls)), name="receiver", **options)
        await receiver.subscribe("load", cb=self.take)
        await receiver.subscribe("ask", cb=self.answer)
        await receiver.flush()
        last = time.monotonic()
        begun = False
        while not until():
            self.published += 1
            await sender.publish("load", str(self.published).encode())
            try:
                await sender.request("ask", b"?", timeout=0.5)
                self.answered += 1
                now = time.monotonic()
                if begun:
                    self.longest_gap = max(self.longest_gap, now - last)
                begun, last = True, now
            except nats.errors.Error:
                self.failed += 1
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.005)
        self.longest_gap = max(self.longest_gap, time.monotonic() - last)
        await sender.flush(timeout=10)
        await asyncio.sleep(0.5)
        for client in (sender, receiver):
            await client.close()

    async def ignore(self, _):
        pass

    async def take(self, message):
        self.received.append(int(message.data))

    async def answer(self, message):
        await message.respond(b"!")

    def check(self, what):
        lost = self.published - len(set(self.received))
        doubled = len(self.received) - len(set(self.received))
        print(f"{what}: published {self.published}, lost {lost}, duplicated {doubled}; requests answered "
              f"{self.answered}, failed {self.failed}; longest gap {self.longest_gap:.1f} s")
        assert doubled == 0
        assert self.received == sorted(self.received)
        assert self.answered > 20
        assert self.longest_gap < LONGEST_GAP_S


def under_load(one, what, act):
    """Runs `act` in a thread while the load goes on."""
    urls = [f"nats://{one.address(f'nats-{i}')}:{CLIENT_PORT}" for i in range(3)]
    load = Load()

    async def main():
        loop = asyncio.get_running_loop()
        acting = loop.run_in_executor(None, act)
        await load.run(urls, acting.done)
        await acting
    time_limit = 110
    asyncio.run(asyncio.wait_for(main(), time_limit))
    load.check(what)


needs_kubectl = pytest.mark.skipif(not has_kubectl(), reason="no kubectl on this machine")


def uids(one):
    return {pod["metadata"]["uid"] for pod in one.pods().values()}


def patch(one, change):
    one.kubectl("patch", "natscluster", "nats", "--type", "merge", "-p", json.dumps(change))


@needs_kubectl
@pytest.mark.parametrize("what, change", [
    ("image", {"spec": {"image": {"repository": "nats", "tag": "2.99"}}}),
    ("config", {"spec": {"config": {"nats": {"maxPayload": "2Mi"}}}}),
])
def test_a_rolling_change(local, what, change):
    one = local(cluster())
    one.wait_ready()
    before = uids(one)
    worst = 0

    def act():
        nonlocal worst
        patch(one, change)

        def replaced():
            nonlocal worst
            worst = max(worst, 3 - sum(pod_ready(pod) for pod in one.pods().values()))
            return not before & uids(one) and one.is_ready("nats", 3)
        wait_until(replaced, 100, "all are replaced", interval=0.05)
    under_load(one, f"rolling change of {what}", act)
    assert worst == 1


@needs_kubectl
def test_scaling_up_and_down(local):
    one = local(cluster())
    one.wait_ready()
    before = uids(one)

    def act():
        for replicas in (5, 3):
            one.kubectl("scale", "natscluster", "nats", "--replicas", str(replicas))
            one.wait_ready(replicas=replicas, timeout=90)
    under_load(one, "scaling 3 to 5 to 3", act)
    assert uids(one) == before


def server_pid(one, pod):
    return next(pid for pid in one.brokers()
                if f"POD_NAME={pod}".encode() in open(f"/proc/{pid}/environ", "rb").read().split(b"\0"))


def test_servers_killed_in_turn(local):
    one = local(cluster())
    one.wait_ready()

    def act():
        for turn in range(2):
            for pod in ("nats-0", "nats-1", "nats-2"):
                os.kill(server_pid(one, pod), signal.SIGKILL)
                wait_until(lambda: one.get("pods", pod)["status"]["containerStatuses"][0]["restartCount"] == turn + 1,
                           30, f"{pod} was restarted")
                one.wait_ready()
                time.sleep(1)
    under_load(one, "six kills", act)


@pytest.mark.timeout(300)
def test_a_server_that_hangs_leaves_the_service_and_is_restarted(local):
    """Liveness gives up after three checks, 30 s apart."""
    one = local(cluster(replicas=2))
    one.wait_ready(replicas=2)
    os.kill(server_pid(one, "nats-0"), signal.SIGSTOP)
    wait_until(lambda: not pod_ready(one.get("pods", "nats-0")), 60, "it is not ready")
    for _ in range(4):
        with Raw(CLIENT_PORT, one.service()) as client:
            assert client.info["server_name"] == "nats-1"
    wait_until(lambda: one.get("pods", "nats-0")["status"]["containerStatuses"][0]["restartCount"] == 1, 180,
               lambda: one.get("pods", "nats-0")["status"])
    one.wait_ready(replicas=2)
    assert "nats_varz_connections" in get(f"http://{one.address('nats-0')}:{MONITOR_PORT}/metrics")
