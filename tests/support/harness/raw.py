"""A client connection that sends and expects exact bytes."""
import json
import re
import socket
import ssl
import time

CRLF = b"\r\n"
TIMEOUT_S = 5.0
QUIET_S = 0.15


class Closed(Exception):
    """The peer closed the connection while more was expected."""


class Raw:
    """Connects and reads the INFO line. Used by one thread; close() or a `with` block ends it.

    PINGs of the server (the first comes 2 s after CONNECT) are answered in passing wherever a line
    starts; `answer_pings = False` shows them to the test instead."""

    def __init__(self, port, host="127.0.0.1", read_info=True, receive_buffer=None, tls=None, tls_first=False):
        self.answer_pings = True
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT_S)
        self.socket.connect((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if tls and tls_first:
            self.secure(tls)
        self.info = self.read_info() if read_info else None
        if tls and not tls_first:
            self.secure(tls)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def secure(self, context, name="localhost"):
        """The handshake; `context` is an ssl.SSLContext."""
        assert not self.buffer, f"unread before the handshake: {self.buffer[:300]!r}"
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    # --- sending

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def connect(self, **options):
        """CONNECT with everything quiet, as client libraries do, then a PING to know it worked.
        With protocol 1 the INFO that follows the first PONG is read and kept in `self.info`."""
        wanted = {"verbose": False, "pedantic": False, "lang": "raw", "version": "1", **options}
        self.send(f"CONNECT {json.dumps(wanted)}\r\nPING\r\n")
        self.expect(b"PONG\r\n")
        if wanted.get("protocol"):
            self.info = self.read_info()
        return self

    def ping(self):
        """Everything sent before has been handled when this returns; nothing else may arrive."""
        self.send("PING\r\n")
        self.expect(b"PONG\r\n")

    # --- receiving

    def _fill(self, deadline):
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(1 << 16)
        except socket.timeout:
            raise AssertionError(f"nothing more came; unread: {self.buffer[:300]!r}") from None
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        if not data:
            raise Closed(f"closed by the peer; unread: {self.buffer[:300]!r}")
        self.buffer += data

    def _next_line_starts(self, deadline):
        """At the start of a line: waits for input and answers any PING that is next."""
        while True:
            while not self.buffer:
                self._fill(deadline)
            if not self.answer_pings or not b"PING\r\n".startswith(self.buffer[:6]):
                return
            if len(self.buffer) < 6:
                self._fill(deadline)
                continue
            self.buffer = self.buffer[6:]
            self.send("PONG\r\n")

    def read(self, count, timeout=TIMEOUT_S):
        deadline = time.monotonic() + timeout
        while len(self.buffer) < count:
            self._fill(deadline)
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def line(self, timeout=TIMEOUT_S):
        deadline = time.monotonic() + timeout
        self._next_line_starts(deadline)
        while CRLF not in self.buffer:
            self._fill(deadline)
        line, self.buffer = self.buffer.split(CRLF, 1)
        return line

    def read_info(self, timeout=TIMEOUT_S):
        line = self.line(timeout)
        assert line.startswith(b"INFO "), line
        return json.loads(line[5:])

    def expect(self, data, timeout=TIMEOUT_S):
        """Exactly these bytes come next."""
        data = data.encode() if isinstance(data, str) else data
        got = b""
        deadline = time.monotonic() + timeout
        while len(got) < len(data):
            try:
                if not got:
                    self._next_line_starts(deadline)
                elif not self.buffer:
                    self._fill(deadline)
            except (AssertionError, Closed) as why:
                raise AssertionError(f"expected {data!r}, got {got!r}: {why}") from None
            part = self.buffer[:len(data) - len(got)]
            got, self.buffer = got + part, self.buffer[len(part):]
            assert data.startswith(got), f"expected {data!r}, got {got!r} {self.buffer[:200]!r}"

    def expect_match(self, pattern, timeout=TIMEOUT_S):
        line = self.line(timeout).decode()
        match = re.fullmatch(pattern, line)
        assert match, f"expected /{pattern}/, got {line!r}"
        return match

    def expect_error(self, text):
        self.expect(f"-ERR '{text}'\r\n")

    def expect_closed(self, timeout=TIMEOUT_S):
        """The peer closes, and sends nothing before it does."""
        deadline = time.monotonic() + timeout
        try:
            self._next_line_starts(deadline)
        except Closed:
            return
        raise AssertionError(f"expected the end of the connection, got {self.buffer[:300]!r}")

    def expect_nothing(self, seconds=QUIET_S):
        """Nothing arrives for a while, and the connection stays open."""
        deadline = time.monotonic() + seconds
        try:
            self._next_line_starts(deadline)
        except AssertionError:
            return
        raise AssertionError(f"expected silence, got {self.buffer[:300]!r}")

    def message(self, timeout=TIMEOUT_S):
        """The next MSG or HMSG as a Message."""
        line = self.line(timeout).decode()
        words = line.split(" ")
        assert words[0] in ("MSG", "HMSG"), f"expected a message, got {line!r}"
        headers = words[0] == "HMSG"
        fixed = 5 if headers else 4
        assert len(words) in (fixed, fixed + 1), line
        reply = words[3] if len(words) == fixed + 1 else None
        total = int(words[-1])
        header_size = int(words[-2]) if headers else 0
        data = self.read(total + 2, timeout)
        assert data.endswith(CRLF), data[-20:]
        return Message(words[1], words[2], reply, data[:header_size], data[header_size:-2])

    def messages(self, count, timeout=TIMEOUT_S):
        return [self.message(timeout) for _ in range(count)]

    def messages_until_pong(self, timeout=TIMEOUT_S):
        """All messages the server has for us by now: those before the answer to our PING."""
        self.send("PING\r\n")
        found = []
        deadline = time.monotonic() + timeout
        while True:
            self._next_line_starts(deadline)
            while len(self.buffer) < 6:
                self._fill(deadline)
            if self.buffer.startswith(b"PONG\r\n"):
                self.buffer = self.buffer[6:]
                return found
            found.append(self.message(timeout))


class Message:
    def __init__(self, subject, sid, reply, header, payload):
        self.subject, self.sid, self.reply, self.header, self.payload = subject, sid, reply, header, payload

    def __repr__(self):
        return f"Message({self.subject!r}, sid={self.sid!r}, reply={self.reply!r}, {self.payload[:60]!r})"
