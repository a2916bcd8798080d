"""roentgen.event_loop: everything that one can wait for, at once, in one loop."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
import time

import roentgen
import roentgen.event_loop


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say every line again."""
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()


async def talk(port: int) -> bytes:
    """Say something, and hear it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello\n")
    heard = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return heard


async def child() -> tuple[bytes, int | None]:
    """A process that prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "print('from a child')", stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return output, process.returncode


def answer(channel: "roentgen.Channel") -> None:
    """What a spawned process does."""
    channel.send("from a channel")


async def timers() -> list[str]:
    """In the order of their times, not of their making."""
    loop = asyncio.get_running_loop()
    order: list[str] = []
    done = loop.create_future()
    loop.call_later(0.06, done.set_result, None)
    for delay in (0.04, 0.0004, 0.02):
        loop.call_later(delay, order.append, f"{delay}")
    await done
    return order


async def late() -> bool:
    """A deadline that is long over is none that is forgotten."""
    begin = time.monotonic()
    for _ in range(20):
        await asyncio.sleep(0.0005)
    return 0.01 <= time.monotonic() - begin < 5


async def descriptors() -> list[object]:
    """Readers and writers that come and go, closed files among them."""
    loop = asyncio.get_running_loop()
    seen: list[object] = []
    one, other = socket.socketpair()
    one.setblocking(False)
    loop.add_reader(one, lambda: seen.append(one.recv(10)))
    loop.add_writer(one, lambda: (seen.append("writable"), loop.remove_writer(one)))
    other.send(b"bytes")
    await asyncio.sleep(0.02)
    seen.append(loop.remove_reader(one))
    seen.append(loop.remove_reader(one))
    number = one.fileno()
    one.close()
    other.close()
    # The same number again, for something else.
    one, other = socket.socketpair()
    if other.fileno() == number:
        one, other = other, one
    elif one.fileno() != number:
        # Something else had a lesser one.
        os.dup2(one.fileno(), number)
        one.close()
        one = socket.socket(fileno=number)
    seen.append(one.fileno() == number)
    loop.add_reader(one, lambda: (seen.append(one.recv(10)), loop.remove_reader(one)))
    other.send(b"more")
    await asyncio.sleep(0.02)
    one.close()
    other.close()
    # epoll does not take regular files; they are always ready.
    with tempfile.TemporaryFile() as file:
        file.write(b"x")
        file.flush()
        file.seek(0)
        ready = loop.create_future()
        loop.add_reader(file, lambda: ready.done() or ready.set_result(os.read(file.fileno(), 5)))
        seen.append(await ready)
        loop.remove_reader(file)
    return seen


async def signals() -> int:
    """A handler in the loop."""
    loop = asyncio.get_running_loop()
    came = loop.create_future()
    loop.add_signal_handler(signal.SIGUSR1, came.set_result, 7)
    os.kill(os.getpid(), signal.SIGUSR1)
    result: int = await came
    loop.remove_signal_handler(signal.SIGUSR1)
    return result


async def main() -> None:
    """Have it all at once."""
    loop = asyncio.get_running_loop()
    print(type(loop).__module__, type(loop).__name__)
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = roentgen.Channel(1)
    process = roentgen.spawn(answer, channel)
    results = await asyncio.gather(
        talk(port),
        child(),
        channel.areceive(),
        timers(),
        late(),
        descriptors(),
        signals(),
        loop.run_in_executor(None, sum, range(10)),
        process,
    )
    for result in results:
        print(result)
    server.close()
    await server.wait_closed()
    channel.close()
    print("waited often:", loop.waits > 5)
    try:
        await asyncio.wait_for(asyncio.sleep(60), 0.01)
    except TimeoutError:
        print("timed out")


roentgen.event_loop.run(main())
with asyncio.Runner(loop_factory=roentgen.event_loop.EventLoop) as runner:
    print(runner.run(asyncio.sleep(0.001, "again")))
policy = roentgen.event_loop.EventLoopPolicy()
loop = policy.new_event_loop()
print(type(loop) is roentgen.event_loop.EventLoop, loop.run_until_complete(late()))
loop.close()
loop.close()
selector = roentgen.event_loop.Selector()
for wrong in (
    lambda: selector.register(-1, 1),
    lambda: selector.register(0, 0),
    lambda: selector.register(0, 64),
    lambda: selector.unregister(0),
    lambda: selector.modify(99, 1),
    lambda: selector.register(99, 1),
):
    try:
        print(wrong())
    except (ValueError, KeyError, OSError) as error:
        print(type(error).__name__)
print(len(selector.get_map()), selector.select(0))
selector.close()
