"""Official client suites run with nats-server and with our binary (scripts/conformance)."""
