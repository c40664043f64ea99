"""A NATS client on asyncio: what the load and the checker need, fast enough to keep a server busy."""
import asyncio
import itertools
import json

CRLF = b"\r\n"


class Lost(Exception):
    """The connection ended."""


class ApiError(Exception):
    """The server answered with an error."""

    def __init__(self, error):
        super().__init__(f"{error.get('err_code', error.get('code'))}: {error.get('description')}")
        self.code = error.get("err_code")


class Message:
    __slots__ = ("subject", "reply", "headers", "data")

    def __init__(self, subject, reply, headers, data):
        self.subject = subject
        self.reply = reply
        self.headers = headers  # bytes, with the status line, or b""
        self.data = data

    def status(self):
        """The three digits behind NATS/1.0, or an empty string."""
        return self.headers[9:12].decode() if self.headers[8:9] == b" " else ""

    def header(self, name):
        for line in self.headers.split(CRLF)[1:]:
            key, _, value = line.partition(b":")
            if key.decode() == name:
                return value.strip().decode()
        return None


class Client(asyncio.Protocol):
    """One connection. All of it runs in one event loop; callbacks are called with a Message."""

    def __init__(self):
        self.buffer = b""
        self.transport = None
        self.info = None
        self.subscriptions = {}
        self.answers = {}
        self.numbers = itertools.count(1)
        self.pongs = []
        self.errors = []
        self.writable = asyncio.Event()
        self.writable.set()
        self.lost = asyncio.get_running_loop().create_future()
        self.ready = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(cls, port, timeout=5):
        loop = asyncio.get_running_loop()
        _, self = await asyncio.wait_for(loop.create_connection(cls, "127.0.0.1", port), timeout)
        try:
            await asyncio.wait_for(self.ready, timeout)
            self.send(b'CONNECT {"verbose":false,"pedantic":false,"headers":true,"no_responders":true,'
                      b'"lang":"crash","version":"1","protocol":1}\r\n')
            self.inbox = f"_INBOX.crash{id(self)}"
            self.subscribe(self.inbox + ".*", self.on_answer)
            await asyncio.wait_for(self.flush(), timeout)
        except BaseException:
            self.close()
            raise
        return self

    # --- asyncio.Protocol

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, error):
        for waiting in (self.lost, self.ready):
            if not waiting.done():
                waiting.set_exception(Lost(str(error)))
                waiting.exception()  # nobody has to ask for it
        for pong in self.pongs:
            if not pong.done():
                pong.set_exception(Lost())
        self.pongs.clear()
        answers, self.answers = self.answers, {}
        for callback in answers.values():
            callback(None)
        self.writable.set()

    def pause_writing(self):
        self.writable.clear()

    def resume_writing(self):
        self.writable.set()

    def data_received(self, data):
        buffer = self.buffer + data if self.buffer else data
        at = 0
        while True:
            end = buffer.find(CRLF, at)
            if end < 0:
                break
            after = self.on_line(buffer, at, end)
            if after is None:
                break
            at = after
        self.buffer = buffer[at:]

    # --- protocol

    def on_line(self, buffer, at, end):
        """Handles the operation whose line is buffer[at:end]; returns where the next begins, or None
        if its payload is not complete yet."""
        kind = buffer[at:at + 4].upper()
        if kind in (b"MSG ", b"HMSG"):
            words = buffer[at:end].split()
            total = int(words[-1])
            body = end + 2
            if len(buffer) < body + total + 2:
                return None
            has_headers = kind == b"HMSG"
            cut = int(words[-2]) if has_headers else 0
            has_reply = len(words) == (6 if has_headers else 5)
            message = Message(words[1].decode(), words[3].decode() if has_reply else None,
                              buffer[body:body + cut], buffer[body + cut:body + total])
            callback = self.subscriptions.get(words[2])
            if callback:
                callback(message)
            return body + total + 2
        line = buffer[at:end]
        if line == b"PING":
            self.send(b"PONG\r\n")
        elif line == b"PONG":
            pong = self.pongs.pop(0)
            if not pong.done():
                pong.set_result(None)
        elif kind == b"INFO":
            self.info = json.loads(line[5:])
            if not self.ready.done():
                self.ready.set_result(None)
        elif kind == b"-ERR":
            self.errors.append(line.decode())
        return end + 2

    def send(self, data):
        if self.transport and not self.transport.is_closing():
            self.transport.write(data)

    def on_answer(self, message):
        callback = self.answers.pop(message.subject.rpartition(".")[2], None)
        if callback:
            callback(message)

    # --- for users

    @property
    def is_lost(self):
        return self.lost.done()

    def subscribe(self, subject, callback):
        sid = str(next(self.numbers)).encode()
        self.subscriptions[sid] = callback
        self.send(b"SUB %s %s\r\n" % (subject.encode(), sid))
        return sid

    def unsubscribe(self, sid):
        self.subscriptions.pop(sid, None)
        self.send(b"UNSUB %s\r\n" % sid)

    def publish(self, subject, data=b"", reply=None, headers=None):
        name = subject if reply is None else f"{subject} {reply}"
        if headers:
            block = ("NATS/1.0\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode()
            self.send(b"HPUB %s %d %d\r\n%s%s\r\n" % (name.encode(), len(block), len(block) + len(data),
                                                    block, data))
        else:
            self.send(b"PUB %s %d\r\n%s\r\n" % (name.encode(), len(data), data))

    def ask(self, subject, data, callback, headers=None):
        """Publishes; `callback` gets the answer, or None if the connection ends first."""
        if self.is_lost:
            callback(None)
            return None
        token = str(next(self.numbers))
        self.answers[token] = callback
        self.publish(subject, data, f"{self.inbox}.{token}", headers)
        return token

    async def request(self, subject, data=b"", timeout=5, headers=None):
        answer = asyncio.get_running_loop().create_future()

        def done(message):
            if not answer.done():
                answer.set_exception(Lost()) if message is None else answer.set_result(message)

        token = self.ask(subject, data, done, headers)
        try:
            return await asyncio.wait_for(answer, timeout)
        finally:
            self.answers.pop(token, None)

    async def api(self, subject, body=None, timeout=5):
        """A request to the JetStream API; raises ApiError."""
        data = b"" if body is None else json.dumps(body).encode()
        message = await self.request("$JS.API." + subject, data, timeout)
        if message.status() == "503":
            raise ApiError({"code": 503, "description": "no responders"})
        answer = json.loads(message.data)
        if "error" in answer:
            raise ApiError(answer["error"])
        return answer

    async def flush(self):
        pong = asyncio.get_running_loop().create_future()
        self.pongs.append(pong)
        self.send(b"PING\r\n")
        await pong

    def close(self):
        if self.transport:
            self.transport.close()
