import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from harness.raw import Raw  # noqa: E402
from harness.server import BASE_CONFIG, Factory, Server  # noqa: E402


@pytest.fixture
def start(tmp_path):
    """start(config, **options) → Server; all are ended with the test."""
    factory = Factory(tmp_path)
    yield factory
    factory.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server with default settings, shared by the tests of a file; they use subjects of their own."""
    one = Server(tmp_path_factory.mktemp("server"), BASE_CONFIG)
    yield one
    one.discard()


@pytest.fixture
def dial():
    """dial(server, **raw options) → Raw; closed with the test."""
    opened = []

    def connect(server, **options):
        opened.append(Raw(server.port(), **options))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


@pytest.fixture
def raw(server, dial):
    """A fresh connection to the shared server, INFO read, CONNECT not yet sent."""
    return dial(server)


@pytest.fixture
def client(server, dial):
    """A connected quiet client with headers and no-responders, as libraries are."""
    return dial(server).connect(headers=True, no_responders=True)
