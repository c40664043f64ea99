"""The scenarios of ../README.md with nats-py."""
import asyncio
import os
import ssl
import sys
import time

import nats
from nats.errors import NoRespondersError


async def connect(urls, **options):
    if "TLS_CA" in os.environ:
        context = ssl.create_default_context(cafile=os.environ["TLS_CA"])
        context.load_cert_chain(os.environ["TLS_CERT"], os.environ["TLS_KEY"])
        options["tls"] = context
    return await nats.connect(urls, **options)


async def pubsub(urls):
    sender, receiver = await connect(urls[0]), await connect(urls[1])
    subscription = await receiver.subscribe("py.pubsub.*")
    await receiver.flush()
    await interest(sender, receiver, "py.pubsub.ready", subscription)
    for number in range(1000):
        await sender.publish(f"py.pubsub.{number}", str(number).encode())
    for number in range(1000):
        message = await subscription.next_msg(timeout=5)
        assert (message.subject, message.data) == (f"py.pubsub.{number}", str(number).encode()), message
    await sender.close()
    await receiver.close()


async def interest(sender, _receiver, subject, subscription):
    """A new subscription takes a moment to reach the other nodes: ask until it is heard."""
    for _ in range(100):
        await sender.publish(subject, b"?")
        try:
            await subscription.next_msg(timeout=0.1)
            break
        except nats.errors.TimeoutError:
            pass
    await asyncio.sleep(0.3)
    while subscription.pending_msgs:
        await subscription.next_msg(timeout=1)


async def queue(urls):
    members = [await connect(url) for url in urls]
    seen, per_member = [], [0] * len(members)

    def handler(index):
        async def on_message(message):
            seen.append(message.data)
            per_member[index] += 1
        return on_message

    for index, member in enumerate(members):
        await member.subscribe("py.queue", queue="workers", cb=handler(index))
        await member.flush()
    await asyncio.sleep(1)
    sender = await connect(urls[0])
    for number in range(300):
        await sender.publish("py.queue", str(number).encode())
    await sender.flush()
    await asyncio.sleep(1)
    assert sorted(map(int, seen)) == list(range(300)), f"{len(seen)} messages"
    assert min(per_member) > 0, per_member
    for connection in [*members, sender]:
        await connection.close()


async def request(urls):
    service, caller = await connect(urls[1]), await connect(urls[0])

    async def answer(message):
        await message.respond(b"re:" + message.data)

    await service.subscribe("py.svc", cb=answer)
    await service.flush()
    await asyncio.sleep(1)
    for number in range(100):
        reply = await caller.request("py.svc", str(number).encode(), timeout=5)
        assert reply.data == f"re:{number}".encode(), reply.data
    started = time.monotonic()
    try:
        await caller.request("py.nobody", b"", timeout=5)
        raise AssertionError("a request that nobody serves was answered")
    except NoRespondersError:
        assert time.monotonic() - started < 2
    await service.close()
    await caller.close()


async def headers(urls):
    sender, receiver = await connect(urls[0]), await connect(urls[1])
    subscription = await receiver.subscribe("py.headers")
    await receiver.flush()
    await interest(sender, receiver, "py.headers", subscription)
    for payload in (b"", b"full"):
        await sender.publish("py.headers", payload, headers={"X-One": "first", "x-Two": "a b:c"})
        message = await subscription.next_msg(timeout=5)
        assert message.data == payload
        assert message.headers == {"X-One": "first", "x-Two": "a b:c"}, message.headers
    await sender.close()
    await receiver.close()


async def reconnect(urls):
    back = asyncio.Event()

    async def on_reconnect():
        back.set()

    client = await connect(urls, reconnected_cb=on_reconnect, reconnect_time_wait=0.1,
                                max_reconnect_attempts=-1)
    subscription = await client.subscribe("py.reconnect")
    await client.flush()
    before = client.connected_url.netloc
    print("connected", before, flush=True)
    await asyncio.wait_for(back.wait(), 20)
    assert client.connected_url.netloc != before
    await client.publish("py.reconnect", b"again")
    message = await subscription.next_msg(timeout=5)
    assert message.data == b"again"
    await client.close()


def main():
    scenario, urls = sys.argv[1], sys.argv[2:]
    asyncio.run(asyncio.wait_for(globals()[scenario](urls), 60))
    print("ok", scenario)


main()
