"""What is done to a server under load. Each fault ends with the server down, on a disk of which only
what must survive has survived, or up and well again; a fault returns a short text of what it did."""
import asyncio
import signal

from .client import Client

PAUSE_S = 15

# At the how-maniest operation of its kind the disk stands still: up to this. A server with group commit
# writes and syncs seldom.
HELD = {"any": 400, "write": 200, "sync": 100, "truncate": 1, "create": 2, "rename": 1, "unlink": 2,
        "syncdir": 2}


class Unwell(Exception):
    """The server did not come back from a fault that it should survive."""


async def down(lab, load, dice, cut=True):
    """Kills the server and, with `cut`, the power."""
    await lab.server.kill()
    await load.stop()
    if not cut:
        return ""
    return describe_cut(await lab.disk.cut(dice.getrandbits(48)))


def describe_cut(cut):
    return (f"{cut['files_changed']} of {cut['files']} files, {cut['bytes_pending'] >> 10} KiB pending, "
            f"{cut['names_lost']} of {cut['names_pending']} names lost")


async def run_load(lab, load, seconds):
    """Some load; ends early if the connection does."""
    await asyncio.wait([load.client.lost], timeout=seconds)


async def power_cut(lab, load, dice):
    await run_load(lab, load, dice.uniform(0.2, 2.0))
    return await down(lab, load, dice)


async def power_cut_at(lab, load, dice):
    op = dice.choice(sorted(HELD) + ["any", "write", "sync"])
    count = dice.randint(1, HELD[op])
    frozen = await lab.disk.freeze(op, count)
    await asyncio.wait([frozen], timeout=dice.uniform(1.0, 3.0))
    held = f"at {op} {count}" if frozen.done() else f"{op} {count} not reached"
    if frozen.done():
        await asyncio.sleep(dice.uniform(0, 0.1))  # nothing may be acknowledged now
    return f"{held}; {await down(lab, load, dice)}"


async def power_cut_starting(lab, load, dice):
    """Again and again while the server recovers from the one before."""
    await run_load(lab, load, dice.uniform(0.2, 1.5))
    text = await down(lab, load, dice)
    for _ in range(dice.randint(1, 3)):
        count = dice.choice((dice.randint(1, 10), dice.randint(1, 60)))
        frozen = await lab.disk.freeze("any", count)
        await lab.server.start(wait=False)
        await asyncio.wait([frozen], timeout=dice.uniform(0.1, 1.5))
        await lab.server.kill()
        await lab.disk.cut(dice.getrandbits(48))
        text += f"; starting, {'at change ' + str(count) if frozen.done() else 'later'}"
    return text


async def kill(lab, load, dice):
    await run_load(lab, load, dice.uniform(0.2, 2.0))
    await down(lab, load, dice, cut=False)
    return ""


async def terminate(lab, load, dice):
    """A proper end, then the power: nothing may depend on what comes after the end."""
    await run_load(lab, load, dice.uniform(0.2, 1.0))
    polite = await lab.server.terminate()
    await load.stop()
    cut = describe_cut(await lab.disk.cut(dice.getrandbits(48)))
    if not polite:
        raise Unwell("did not end on SIGTERM")
    return cut


async def pause(lab, load, dice):
    await run_load(lab, load, 0.5)
    lab.server.signal(signal.SIGSTOP)
    await asyncio.sleep(PAUSE_S)
    lab.server.signal(signal.SIGCONT)
    await must_acknowledge(lab, load, "after the pause")
    await load.stop(wait=True)
    return f"{PAUSE_S} s"


async def must_acknowledge(lab, load, when, timeout=15):
    """New acknowledgements have to come, on this connection or a new one."""
    before = load.acked_now
    for _ in range(int(timeout / 0.1)):
        await asyncio.sleep(0.1)
        if load.acked_now > before:
            return
        if load.client.is_lost:
            client = await Client.connect(lab.server.port)
            try:
                await client.api("INFO")
                return
            finally:
                client.close()
    raise Unwell(f"nothing is acknowledged {when}; refusals {load.refusals}\n{lab.server.log_tail()}")


async def full_disk(lab, load, dice):
    """No space: writes are refused, reads go on, and when space comes back so do writes."""
    used = (await lab.disk.stats())["used"]
    await lab.disk.order(f"capacity {used + dice.randint(100_000, 3_000_000)}")
    for _ in range(100):
        await asyncio.sleep(0.1)
        if load.refusals or load.client.is_lost:
            break
    await asyncio.sleep(dice.uniform(0, 1.0))
    text = ", ".join(f"{v}x {k}" for k, v in sorted(load.refusals.items()))[:160] or "no refusal"
    if load.client.is_lost:
        raise Unwell("the server ended, or its connection did, when the disk was full\n" + lab.server.log_tail())
    await load.client.api("STREAM.MSG.GET.LIM", {"last_by_subj": "LIM.1"}, timeout=10)
    if dice.randrange(3) == 0:
        text += "; " + await down(lab, load, dice)
        await lab.start()  # still full
        await lab.disk.order("capacity max")
        return text + "; started on the full disk"
    await lab.disk.order("capacity max")
    await must_acknowledge(lab, load, "although there is space again")
    await run_load(lab, load, 0.5)
    return text + "; " + await down(lab, load, dice)


async def io_error(lab, load, dice):
    """EIO, or ENOSPC as late allocation has it, at a write or a sync; then the power goes, so that
    what was acknowledged in spite of the error is found out."""
    op = dice.choice(("write", "sync", "sync", "create", "syncdir", "rename"))
    count = dice.randint(1, 50 if op in ("write", "sync") else 3)
    times = dice.choice((1, 1, 3))
    error = dice.choice((5, 28))
    await lab.disk.order(f"fail {op} {count} {times} {error}")
    await run_load(lab, load, dice.uniform(0.5, 2.0))
    refused = (await lab.disk.stats())["refused"]
    text = f"{op} {count} x{times} errno {error}, {refused} since the start"
    if load.client.is_lost:
        text += ", the server ended"
    return f"{text}; {await down(lab, load, dice)}"


async def clock_jump(lab, load, dice):
    """The wall clock jumps while the server runs, and differs again when it starts anew."""
    jumps = []
    for _ in range(2):
        await run_load(lab, load, dice.uniform(0.2, 0.7))
        jumps.append(dice.choice((-86_400, -3_600, -30, 30, 3_600, 86_400)))
        lab.server.clock.jump(jumps[-1])
    await must_acknowledge(lab, load, f"after clock jumps {jumps}")
    text = await down(lab, load, dice)
    lab.server.clock.jump(dice.choice((-7_200, 0, 7_200)))
    return f"{jumps} s; {text}"


FAULTS = {
    "cut": power_cut,
    "cut-at": power_cut_at,
    "cut-starting": power_cut_starting,
    "kill": kill,
    "term": terminate,
    "pause": pause,
    "full": full_disk,
    "io-error": io_error,
    "clock": clock_jump,
}
