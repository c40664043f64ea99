"""natrix-operator local: clusters without Kubernetes, looked at as their users do."""
import asyncio
import json
import os
import signal
import socket
import subprocess
import time

import nats
import pytest

from harness.kube import operator_binary
from harness.local import (CLIENT_PORT, CLUSTER_PORT, MONITOR_PORT, Local, alive, cluster, get,
                           has_kubectl, pod_ready)
from harness.raw import Raw
from harness.server import wait_until

needs_kubectl = pytest.mark.skipif(not has_kubectl(), reason="no kubectl on this machine")


@pytest.fixture
def local(tmp_path):
    """local(*documents, args=(), data=None) → Local; ended with the test."""
    started = []

    def start(*documents, **options):
        started.append(Local(tmp_path / f"local{len(started)}", *documents, **options))
        return started[-1]

    yield start
    for one in started:
        one.discard()


@pytest.fixture
def three(local):
    """One with three servers that are ready."""
    one = local(cluster())
    one.wait_ready()
    return one


def brokers_gone(pids):
    wait_until(lambda: not any(alive(pid) for pid in pids), 15, lambda: f"{pids} are gone")


# --- what it is for


def test_a_ready_cluster_is_announced_with_its_addresses(three):
    wait_until(lambda: "NatsCluster default/nats is ready" in three.out(), 10, three.out)
    assert f"clients    nats://{three.service()}:{CLIENT_PORT}\n" in three.out()
    for pod in ("nats-0", "nats-1", "nats-2"):
        assert f"nats://{three.address(pod)}:{CLIENT_PORT}" in three.out()
        assert f"http://{three.address(pod)}:{MONITOR_PORT}/metrics" in three.out()
    assert f"export KUBECONFIG={three.data}/kubeconfig" in three.out()
    assert "level=error" not in three.log()


def test_clients_reach_each_other_over_all_servers_and_the_service(three):
    hosts = [three.service(), *(three.address(f"nats-{i}") for i in range(3))]

    async def talk():
        clients = [await nats.connect(f"nats://{host}:{CLIENT_PORT}") for host in hosts]
        names = {client._server_info["server_name"] for client in clients}
        subscriptions = [await client.subscribe("news") for client in clients]

        async def answer(message):
            await message.respond(b"pong " + message.data)
        await clients[1].subscribe("ask", cb=answer)
        for client in clients:
            await client.flush()
        # Interest is on its way to the other servers: repeated until somebody answers.
        for _ in range(100):
            try:
                reply = await clients[3].request("ask", b"1", timeout=1)
                break
            except nats.errors.NoRespondersError:
                await asyncio.sleep(0.05)
        assert reply.data == b"pong 1"
        for client in clients:
            await client.publish("news", b"hello")
            await client.flush()
        for subscription in subscriptions:
            for _ in clients:
                assert (await subscription.next_msg(timeout=10)).data == b"hello"
        for client in clients:
            await client.close()
        return names

    assert asyncio.run(talk()) == {"nats-0", "nats-1", "nats-2"}


def test_metrics_of_operator_and_servers(three):
    address = three.out().split("Operator        ", 1)[1].split()[0]
    page = get(address)
    assert 'natrix_operator_reconcile_total{' in page and "natrix_operator_leader 1" in page
    assert get(address.replace("/metrics", "/readyz")) == "ok\n"
    for host in [three.service(), three.address("nats-2")]:
        page = get(f"http://{host}:{MONITOR_PORT}/metrics")
        assert "nats_varz_routes" in page or "gnatsd_varz_routes" in page


# --- kubectl


@needs_kubectl
def test_kubectl_verbs(three):
    table = three.kubectl("get", "natsclusters,pods")
    assert "AllServersReady" in table and table.count("1/1") == 3
    assert "maxPayload" in three.kubectl("explain", "natscluster.spec.config.nats")
    assert "Server is ready" in three.kubectl("logs", "nats-1")
    assert three.kubectl("logs", "nats-1", "--tail", "2").count("\n") == 2
    assert "Started container nats" in three.kubectl("describe", "pod", "nats-0")
    three.kubectl("wait", "--for=condition=Ready", "natscluster/nats", "--timeout=10s")

    three.kubectl("scale", "natscluster", "nats", "--replicas", "5")
    three.wait_ready(replicas=5)
    for i in range(5):
        wait_until(lambda i=i: len({r["remote_name"] for r in three.monitor(f"nats-{i}", "/routez")["routes"]}) == 4,
                   20, "every server has a route to every other")
    three.kubectl("scale", "natscluster", "nats", "--replicas", "3")
    three.wait_ready(replicas=3)
    assert sorted(three.pods()) == ["nats-0", "nats-1", "nats-2"]

    three.kubectl("delete", "natscluster", "nats")
    wait_until(lambda: not three.pods() and not three.get("statefulsets", "nats"), 30, "all is gone")
    wait_until(lambda: not three.brokers(), 10, "no broker runs")


@needs_kubectl
def test_kubectl_watches_and_follows_logs(three):
    watch = subprocess.Popen(three.kubectl_command("get", "pods", "-w", "--no-headers"),
                             stdout=subprocess.PIPE, text=True, env=three.kubectl_env())
    logs = subprocess.Popen(three.kubectl_command("logs", "-f", "nats-2"),
                            stdout=subprocess.PIPE, text=True, env=three.kubectl_env())
    try:
        assert "nats-0" in watch.stdout.readline()
        assert "Starting nats-server" in logs.stdout.readline()
        three.kubectl("delete", "pod", "nats-2", "--wait=false")
        # The stream ends with the server.
        assert "Server Exiting" in logs.communicate(timeout=60)[0]
        assert logs.returncode == 0
        lines = []
        while not (any("Terminating" in line for line in lines) and "Pending" in lines[-1]):
            lines.append(watch.stdout.readline())
            assert lines[-1], lines
        assert lines[-1].startswith("nats-2 ")
    finally:
        watch.kill()
        logs.kill()
        watch.wait()
        logs.wait()
    three.wait_ready()


@needs_kubectl
def test_what_kubectl_applies_becomes_a_cluster(local):
    empty = local()
    assert "natscluster.natrix.dev/a created" in empty.apply(cluster("a", 1))
    empty.wait_ready("a", 1)
    refused = empty.kubectl("apply", "-f", "-", stdin=json.dumps(cluster("b", -1)), check=False)
    assert refused.returncode != 0 and "spec.replicas" in refused.stderr


# --- what happens to servers


def server_pid(one, pod):
    return one.monitor(pod, "/varz").get("pid") or next(
        pid for pid in one.brokers()
        if f"POD_NAME={pod}".encode() in open(f"/proc/{pid}/environ", "rb").read().split(b"\0"))


def test_a_killed_server_comes_back(three):
    pid = server_pid(three, "nats-1")
    os.kill(pid, signal.SIGKILL)

    def restarted():
        state = three.get("pods", "nats-1")["status"]["containerStatuses"][0]
        return state if state["restartCount"] == 1 and state["ready"] else None
    state = wait_until(restarted, 30, lambda: three.get("pods", "nats-1")["status"])
    ended = state["lastState"]["terminated"]
    assert ended["exitCode"] == 137 and ended["signal"] == 9
    three.wait_ready()
    assert server_pid(three, "nats-1") != pid
    previous = get(f"{three.url()}{three.path('pods', 'nats-1')}/log?previous=true")
    assert f"[{pid}]" in previous and "Server is ready" in previous
    for i in range(3):
        wait_until(lambda i=i: len({r["remote_name"] for r in three.monitor(f"nats-{i}", "/routez")["routes"]}) == 2,
                   20, "it is a member again")


def roll(one, patch, name="nats"):
    """Applies the patch and waits until all pods are new; the largest number of pods that were not
    ready at the same time."""
    before = {pod["metadata"]["uid"] for pod in one.pods(name).values()}
    one.kubectl("patch", "natscluster", name, "--type", "merge", "-p", json.dumps(patch))
    worst = 0

    def done():
        nonlocal worst
        pods = one.pods(name).values()
        worst = max(worst, 3 - sum(pod_ready(pod) for pod in pods))
        return not before & {pod["metadata"]["uid"] for pod in pods} and one.is_ready(name, 3)
    wait_until(done, 90, lambda: f"all are replaced: {one.log()[-3000:]}")
    return worst


@needs_kubectl
def test_a_configuration_change_reaches_every_server_one_by_one(three):
    assert roll(three, {"spec": {"config": {"nats": {"maxPayload": "2Mi"}}}}) == 1
    for i in range(3):
        assert three.monitor(f"nats-{i}", "/varz")["max_payload"] == 2 << 20


@needs_kubectl
def test_an_image_change_replaces_every_server_one_by_one(three):
    assert roll(three, {"spec": {"image": {"repository": "nats", "tag": "2.99"}}}) == 1
    assert {pod["status"]["containerStatuses"][0]["image"] for pod in three.pods().values()} == {"nats:2.99"}


def test_files_of_running_pods_follow_their_sources(local):
    """Secrets reach the files without a restart, as on Kubernetes; HUP makes the server read them."""
    one = local(cluster(replicas=1))
    one.wait_ready(replicas=1)
    uid = one.get("pods", "nats-0")["metadata"]["uid"]
    routes = one.data / "pods" / uid / "volumes/config/cluster.conf"
    assert routes.read_text().count("nats-route://") == 1
    one.apply(cluster(replicas=2))
    one.wait_ready(replicas=2)
    wait_until(lambda: routes.read_text().count("nats-route://") == 2, 10, "the file has both routes")
    assert f"@{one.address('nats-1')}:{CLUSTER_PORT}" in routes.read_text()
    os.kill(server_pid(one, "nats-0"), signal.SIGHUP)
    wait_until(lambda: one.monitor("nats-0", "/varz")["config_load_time"] >
               one.monitor("nats-0", "/varz")["start"], 10, "the server has reloaded")


# --- volumes and ends


def test_volumes_outlive_cluster_and_program(local, tmp_path):
    data = tmp_path / "kept"
    spec = cluster(replicas=2, storage={"size": "1Gi"})
    first = local(spec, data=data)
    first.wait_ready(replicas=2)
    for i in range(2):
        (data / f"claims/default/data-nats-{i}/mark").write_text(f"{i}")
    first.kubectl("delete", "natscluster", "nats")
    wait_until(lambda: not first.pods(), 30, "the pods are gone")
    assert {c["metadata"]["name"] for c in first.list("persistentvolumeclaims")} == {"data-nats-0", "data-nats-1"}
    assert first.end()[0] == 0
    assert not list((data / "pods").iterdir())

    second = local(spec, data=data)
    second.wait_ready(replicas=2)
    assert (data / "claims/default/data-nats-1/mark").read_text() == "1"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_everything_in_order(three, number):
    pids = three.brokers()
    assert len(pids) == 3
    code, took = three.end(number)
    assert code == 0 and took < 10, three.log()
    assert not any(alive(pid) for pid in pids)
    assert "level=error" not in three.log()


def test_nothing_survives_a_kill(three):
    pids = three.brokers()
    assert len(pids) == 3
    three.end(signal.SIGKILL)
    brokers_gone(pids)


def test_two_programs_do_not_meet(local, three):
    other = local(cluster())
    other.wait_ready()
    assert other.address("nats-0") != three.address("nats-0")
    taken = subprocess.run([operator_binary(), "local", "--data-dir", str(three.data)],
                           capture_output=True, text=True, timeout=20)
    assert taken.returncode == 2 and "--data-dir" in taken.stderr


# --- what cannot be


@pytest.mark.parametrize("text, wanted", [
    ("kind: NatsCluster", "apiVersion is missing"),
    ("a: [", "line 1"),
    (json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}), "Deployment"),
    (json.dumps(cluster(replicas=-1)), "spec.replicas"),
    (json.dumps(cluster(nonsense=1)), "nonsense"),
])
def test_a_bad_manifest_is_refused_by_place(tmp_path, text, wanted):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    ended = subprocess.run([operator_binary(), "local", "-f", str(path), "--data-dir", str(tmp_path / "d")],
                           capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2
    assert str(path) in ended.stderr and wanted in ended.stderr


@pytest.mark.parametrize("args", [["--broker", "/etc/passwd"], ["--image", "x"], ["--image", "x=/no/such"],
                                  ["--port", "70000"], ["--metrics-addr", "nowhere"]])
def test_a_bad_flag_is_refused_by_name(tmp_path, args):
    ended = subprocess.run([operator_binary(), "local", "--data-dir", str(tmp_path), *args],
                           capture_output=True, text=True, timeout=20)
    assert ended.returncode == 2 and args[0] in ended.stderr, ended


# --- pods that are not servers


def pod(name, command, image="tool:1", **container):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"terminationGracePeriodSeconds": 5,
                     "containers": [{"name": "main", "image": image, "command": command, **container}]}}


def shell(name, script, **container):
    return pod(name, ["sh", "-c", script], **container)


def state_of(one, name):
    pod = one.get("pods", name) or {"status": {}}  # none: not made yet
    return (pod["status"].get("containerStatuses") or [{}])[0]


def test_a_container_that_fails_is_started_ever_later(local):
    one = local(shell("crash", "echo attempt; exit 3"), args=["--image", "tool=/bin/sh"])
    state = wait_until(lambda: (state_of(one, "crash").get("restartCount", 0) >= 2 and
                                state_of(one, "crash")), 30, lambda: state_of(one, "crash"))
    assert state["lastState"]["terminated"]["exitCode"] == 3
    wait_until(lambda: state_of(one, "crash")["state"].get("waiting", {}).get("reason") == "CrashLoopBackOff",
               20, lambda: state_of(one, "crash"))
    assert not state_of(one, "crash")["ready"]


def test_unknown_images_and_missing_sources_are_told(local):
    one = local(pod("alien", [], image="redis:7"),
                shell("poor", "sleep 60", env=[{"name": "A", "valueFrom": {
                    "secretKeyRef": {"name": "absent", "key": "k"}}}]), args=["--image", "tool=/bin/sh"])
    waiting = wait_until(lambda: state_of(one, "alien").get("state", {}).get("waiting", {}).get("message"), 10)
    assert "--image redis=PATH" in waiting
    assert state_of(one, "alien")["state"]["waiting"]["reason"] == "ErrImagePull"
    waiting = wait_until(lambda: state_of(one, "poor").get("state", {}).get("waiting", {}).get("message"), 10)
    assert waiting == 'secret "absent" not found'
    one.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "absent"}, "stringData": {"k": "v"}})
    wait_until(lambda: state_of(one, "poor")["ready"], 20, lambda: state_of(one, "poor"))


def test_exec_probes_and_orderly_stops(local, tmp_path):
    flag, said = tmp_path / "flag", tmp_path / "said"
    one = local(shell("p", f"trap 'echo term >> {said}; exit 0' TERM; while :; do sleep 0.1; done",
                      readinessProbe={"exec": {"command": ["test", "-e", str(flag)]}, "periodSeconds": 1},
                      lifecycle={"preStop": {"exec": {"command": ["sh", "-c", f"echo stop >> {said}"]}}}),
                args=["--image", "tool=/bin/sh"])
    wait_until(lambda: state_of(one, "p").get("started"), 10)
    time.sleep(1.5)
    assert not state_of(one, "p")["ready"]
    flag.touch()
    wait_until(lambda: state_of(one, "p")["ready"], 10)
    one.kubectl("delete", "pod", "p")
    assert said.read_text() == "stop\nterm\n"


def test_a_stubborn_container_is_killed_with_all_it_started(local, tmp_path):
    pids = tmp_path / "pids"
    one = local(shell("p", f"trap '' TERM; sleep 1000 & echo $! $$$$ > {pids}; while :; do wait; done"),
                args=["--image", "tool=/bin/sh"])
    wait_until(lambda: pids.exists() and pids.read_text().strip(), 10)
    started = [int(pid) for pid in pids.read_text().split()]
    begin = time.monotonic()
    one.kubectl("delete", "pod", "p", "--grace-period=1")
    assert time.monotonic() - begin >= 1
    brokers_gone(started)


# --- Services


def echo_service(one, script_port=15000):
    """A pod that echoes until its input ends and then says so, behind a Service of two ports."""
    script = ("import socket,sys,threading\n"
              "def serve(s):\n"
              "  total=0\n"
              "  while d:=s.recv(65536):\n"
              "    total+=len(d); s.sendall(d)\n"
              "  s.sendall(b'end %d' % total); s.close()\n"
              "def listen(p):\n"
              f"  l=socket.create_server((sys.argv[1],p))\n"
              "  while True: threading.Thread(target=serve,args=(l.accept()[0],),daemon=True).start()\n"
              f"threading.Thread(target=listen,args=({script_port + 1},)).start()\n"
              f"listen({script_port})\n")
    echo = pod("echo", ["python3", "-c", script, "0.0.0.0"],
               ports=[{"name": "a", "containerPort": script_port}],
               readinessProbe={"tcpSocket": {"port": "a"}, "periodSeconds": 1})
    echo["metadata"]["labels"] = {"app": "echo"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "echo"},
               "spec": {"selector": {"app": "echo"},
                        "ports": [{"name": "one", "port": 17001, "targetPort": "a"},
                                  {"name": "two", "port": 17002, "targetPort": script_port + 1}]}}
    one.apply(echo, service)
    wait_until(lambda: pod_ready(one.get("pods", "echo")), 20, lambda: one.get("pods", "echo"))
    return one.service("echo")


def test_the_forwarder_carries_all_ports_and_half_closed_connections(local):
    one = local(args=["--image", "tool=/bin/sh"])
    address = echo_service(one)
    block = os.urandom(1 << 20)
    for port in (17001, 17002):
        with socket.create_connection((address, port), timeout=10) as client:
            received = bytearray()
            for _ in range(8):
                client.sendall(block[:100_000])
                while len(received) % 100_000 or not received:
                    received += client.recv(1 << 16)
                assert received == block[:100_000]
                received.clear()
            client.shutdown(socket.SHUT_WR)
            rest = b""
            while data := client.recv(1 << 16):
                rest += data
            assert rest == b"end 800000"


def test_a_service_without_ready_pods_refuses_and_one_that_is_deleted_is_gone(local):
    one = local(args=["--image", "tool=/bin/sh"])
    address = echo_service(one)
    one.kubectl("delete", "pod", "echo")
    with socket.create_connection((address, 17001), timeout=10) as client:
        assert client.recv(10) == b""
    one.kubectl("delete", "service", "echo")

    def refused():
        try:
            socket.create_connection((address, 17001), timeout=1).close()
        except ConnectionRefusedError:
            return True
    wait_until(refused, 10, "nobody listens")
