"""asyncio: subprocesses, their streams, timeouts and ends."""

import asyncio
import os
import signal

PIPE = asyncio.subprocess.PIPE


async def shell(code, **options):
    """A shell with pipes."""
    return await asyncio.create_subprocess_exec("/bin/sh", "-c", code, **options)


async def communicate():
    """All in, all out."""
    process = await shell("cat; echo err >&2; exit 3", stdin=PIPE, stdout=PIPE, stderr=PIPE)
    data = b"0123456789" * 100_000
    out, err = await process.communicate(data)
    print(out == data, err, process.returncode)
    process = await asyncio.create_subprocess_shell("echo $((1 + 2))", stdout=PIPE)
    print(await process.communicate(), process.returncode)
    process = await shell("exit 4")
    print(await process.wait(), process.stdout)


async def streams():
    """A conversation, line by line."""
    process = await shell(
        'while read -r l; do echo "<$l>"; done; echo bye', stdin=PIPE, stdout=PIPE
    )
    for word in (b"one", b"two"):
        process.stdin.write(word + b"\n")
        await process.stdin.drain()
        print(await process.stdout.readline())
    process.stdin.close()
    await process.stdin.wait_closed()
    print(await process.stdout.read(), await process.wait())
    process = await shell("printf abcdef", stdout=PIPE)
    print(await process.stdout.readexactly(4))
    try:
        await process.stdout.readexactly(9)
    except asyncio.IncompleteReadError as error:
        print(error.partial, error.expected)
    print(await process.wait())


async def ends():
    """Killed, terminated, timed out, cancelled."""
    for act in ("kill", "terminate"):
        process = await asyncio.create_subprocess_exec("/bin/sleep", "60")
        getattr(process, act)()
        print(await process.wait())
    process = await asyncio.create_subprocess_exec("/bin/sleep", "60")
    try:
        await asyncio.wait_for(process.wait(), 0.05)
    except TimeoutError as error:
        print(type(error).__name__, process.returncode)
    process.send_signal(signal.SIGHUP)
    print(await process.wait())
    try:
        process.kill()
    except ProcessLookupError as error:
        print(type(error).__name__)
    process = await shell("echo started; exec sleep 60", stdout=PIPE, start_new_session=True)
    await process.stdout.readline()
    print(os.getpgid(process.pid) == process.pid)
    waiting = asyncio.create_task(process.communicate())
    await asyncio.sleep(0)
    waiting.cancel()
    try:
        await waiting
    except asyncio.CancelledError:
        print("cancelled")
    os.killpg(process.pid, signal.SIGKILL)
    print(await process.wait())
    process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
    process.kill()
    await process.wait()
    await process.communicate(b"x" * 100_000)
    print(process.returncode)


async def many():
    """Several at once."""

    async def one(number):
        process = await shell(f"echo {number}; exit {number}", stdout=PIPE)
        out, _ = await process.communicate()
        return int(out), process.returncode

    print(await asyncio.gather(*(one(number) for number in range(8))))
    async with asyncio.timeout(30):
        left, right = os.pipe()
        first = await shell("for n in 1 2 3; do echo $n; done", stdout=right)
        os.close(right)
        second = await shell("cat; echo 4", stdin=left, stdout=PIPE)
        os.close(left)
        print(await second.communicate(), await first.wait())


async def failures():
    """What cannot start."""
    for arguments, options in (
        (("/no/such",), {}),
        (("/bin/sh",), {"cwd": "/no/such"}),
        (("/bin/sh",), {"text": True}),
    ):
        try:
            await asyncio.create_subprocess_exec(*arguments, **options)
        except (OSError, ValueError) as error:
            print(type(error).__name__)


async def main():
    """One part after the other."""
    for part in (communicate, streams, ends, many, failures):
        print(part.__name__)
        await part()


if __name__ == "__main__":
    asyncio.run(main())
