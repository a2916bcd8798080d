"""asyncio: tasks, groups, cancelling, timeouts, locks and queues."""

import asyncio


async def step(log, name, delay, result=None):
    """Sleep and note when it ended."""
    await asyncio.sleep(delay)
    log.append(name)
    return result if result is not None else name


async def gathering():
    """Results stay in order, whatever ends first."""
    log = []
    print(
        await asyncio.gather(
            step(log, "slow", 0.06), step(log, "fast", 0.0), step(log, "mid", 0.03)
        ),
        log,
    )
    results = await asyncio.gather(
        step(log, "ok", 0), asyncio.sleep(-1, 5), fail(), return_exceptions=True
    )
    print([repr(result) for result in results])
    done, pending = await asyncio.wait(
        [asyncio.create_task(step(log, n, n / 50)) for n in (1, 5)],
        return_when=asyncio.FIRST_COMPLETED,
    )
    print([task.result() for task in done], len(pending))
    for task in pending:
        task.cancel()
    async for job in wrap(asyncio.as_completed([step(log, "x", 0.02), step(log, "y", 0)])):
        print(await job)


async def wrap(items):
    """An async generator over a plain iterable."""
    for item in items:
        yield item


async def fail():
    """Raise."""
    raise ValueError("failed")


async def groups():
    """One failure cancels the group."""
    log = []
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(step(log, "cancelled", 5))
            group.create_task(fail())
    except* ValueError as error:
        print("group", [str(e) for e in error.exceptions], log)


async def cancelling():
    """A task may clean up, shield and refuse."""
    log = []

    async def stubborn():
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            log.append("cleaning")
            raise
        finally:
            log.append("finally")

    task = asyncio.create_task(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    print(task.cancel("enough"), task.get_name())
    try:
        await task
    except asyncio.CancelledError as error:
        print("cancelled", error.args, log, task.cancelled())
    inner = asyncio.create_task(step(log, "shielded", 0.02))
    outer = asyncio.shield(inner)
    outer.cancel()
    print(await inner, outer.cancelled())


async def timeouts():
    """Deadlines."""
    try:
        async with asyncio.timeout(0.02):
            await asyncio.sleep(5)
    except TimeoutError:
        print("timeout")
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except asyncio.TimeoutError:
        print("wait_for")
    print(await asyncio.wait_for(step([], "in time", 0), 5))


async def synchronising():
    """Locks, events, conditions, semaphores, queues, barriers."""
    lock, log = asyncio.Lock(), []

    async def critical(name):
        async with lock:
            log.append(name + "+")
            await asyncio.sleep(0)
            log.append(name + "-")

    await asyncio.gather(*(critical(name) for name in "abc"))
    print(log, lock.locked())
    line = asyncio.Queue(maxsize=2)

    async def produce():
        for number in range(5):
            await line.put(number)
        await line.put(None)

    producer = asyncio.create_task(produce())
    got = []
    while (item := await line.get()) is not None:
        got.append(item)
    await producer
    print(got, line.empty())
    barrier = asyncio.Barrier(3)
    print(sorted(await asyncio.gather(*(barrier.wait() for _ in range(3)))))
    gate = asyncio.Semaphore(2)
    async with gate, gate:
        print(gate.locked())
    condition = asyncio.Condition()

    async def waiter():
        async with condition:
            await condition.wait_for(lambda: len(got) > 5)
        return "notified"

    task = asyncio.create_task(waiter())
    await asyncio.sleep(0)
    async with condition:
        got.append(5)
        condition.notify_all()
    print(await task)


async def loop_services():
    """Call later, call from a thread, run in a thread."""
    loop = asyncio.get_running_loop()
    log = []
    loop.call_soon(log.append, "soon")
    loop.call_later(0.02, log.append, "later")
    handle = loop.call_later(0.01, log.append, "never")
    handle.cancel()
    future = loop.create_future()
    loop.call_at(loop.time() + 0.03, future.set_result, "at")
    print(await future, log, await asyncio.to_thread(sum, [1, 2, 3]))
    print(
        await loop.run_in_executor(
            None,
            lambda: asyncio.run_coroutine_threadsafe(step([], "from thread", 0), loop).result(),
        )
    )


async def main():
    """Run all in one loop."""
    for part in (gathering, groups, cancelling, timeouts, synchronising, loop_services):
        await part()


if __name__ == "__main__":
    asyncio.run(main())
    with asyncio.Runner() as runner:
        print(runner.run(step([], "runner", 0)), runner.get_loop().is_running())
