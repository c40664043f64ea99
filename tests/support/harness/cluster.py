"""A cluster of servers on loopback that can lose and get back its members."""
import socket

from harness.server import BASE_CONFIG, wait_until


def free_port():
    """A port nobody uses now. For members that must be found again at the same place."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """`size` servers n1, n2, ...; every one but the first knows only the first (`gossip`), or each
    knows all, itself included. `hosts` are the addresses their route listeners have; routes are dialled
    there, or at `dial_host`. `extra` is configuration text for all. `programs` are the binaries of the
    members where they are not the tested one (None)."""

    def __init__(self, start, size=3, gossip=True, extra="", cluster_extra="", name="test", programs=(),
                 hosts=(), dial_host=None):
        programs = [*programs, *[None] * (size - len(programs))]
        self.route_ports = [free_port() for _ in range(size)]
        self.client_ports = [free_port() for _ in range(size)]
        hosts = hosts or ["127.0.0.1"] * size
        listens = [f"{host}:{port}" for host, port in zip(hosts, self.route_ports)]
        self.nodes = []
        for number in range(size):
            seeds = listens[:1] if gossip else listens
            if gossip and number == 0:
                seeds = []
            routes = "\n".join(f"nats://{listen}" for listen in seeds)
            if dial_host:
                routes = "\n".join(f"nats://{dial_host}:{listen.rsplit(':', 1)[1]}" for listen in seeds)
            config = f"""
                server_name: n{number + 1}
                cluster {{
                  name: {name}
                  listen: "{listens[number]}"
                  routes: [
                    {routes}
                  ]
                  {cluster_extra}
                }}
                {extra}"""
            base = BASE_CONFIG.replace("port: -1", f"port: {self.client_ports[number]}", 1)
            self.nodes.append(start(config, base=base, name=f"n{number + 1}", program=programs[number]))
        self.wait_meshed()

    def __getitem__(self, index):
        return self.nodes[index]

    def alive(self):
        return [n for n in self.nodes if n.process.poll() is None]

    def urls(self):
        return [f"nats://127.0.0.1:{port}" for port in self.client_ports]

    def wait_meshed(self, timeout=20):
        """Every living node has a route to every other living one, and the same number of connections
        both ways."""
        alive = self.alive()
        for node in alive:
            others = {n.name for n in alive if n is not node}
            wait_until(lambda: peers(node) == others, timeout,
                       lambda: f"{node.name} has routes to {others}, has {peers(node)}")

    def wait_interest(self, node, count, timeout=10):
        """`node` knows of `count` subscriptions of its peers (system ones do not count)."""
        wait_until(lambda: remote_subscriptions(node) >= count, timeout,
                   lambda: f"{node.name} knows {count} remote subscriptions, has {remote_subscriptions(node)}")


def peers(node):
    return {route["remote_name"] for route in node.json("/routez")["routes"]}


def remote_subscriptions(node):
    found = 0
    for route in node.json("/routez?subs=1")["routes"]:
        found += len([s for s in route.get("subscriptions_list") or [] if not s.startswith("$")])
    return found
