"""Generators, delegation, coroutines, asynchronous generators."""

import asyncio
import inspect


def counter(start):
    """Count up; accept new values; clean up."""
    value = start
    try:
        while True:
            sent = yield value
            value = value + 1 if sent is None else sent
    except KeyError as error:
        yield f"caught {error}"
    finally:
        print("closed at", value)


def delegating(*parts):
    """Yield from each part and return what they return."""
    results = []
    for part in parts:
        results.append((yield from part))
    return results


def returning(n):
    """Yield and return."""
    for number in range(n):
        yield number
    return f"returned {n}"


def plain():
    """Send, throw, close."""
    generator = counter(10)
    print(next(generator), generator.send(50), next(generator), generator.throw(KeyError("k")))
    generator.close()
    try:
        next(generator)
    except StopIteration as stop:
        print("stopped", stop.value)
    whole = delegating(returning(2), returning(1))
    values = []
    try:
        while True:
            values.append(next(whole))
    except StopIteration as stop:
        print(values, stop.value)
    print(inspect.getgeneratorstate(whole), sum(x * x for x in range(10) if x % 2))

    def wrong():
        yield 1
        raise StopIteration

    try:
        list(wrong())
    except RuntimeError as error:
        print("RuntimeError", error)


def primes():
    """A chain of lazily growing filters."""

    def integers(n):
        while True:
            yield n
            n += 1

    def sieve(numbers):
        first = next(numbers)
        yield first
        yield from sieve(n for n in numbers if n % first)

    for number in sieve(integers(2)):
        if number > 60:
            return
        yield number


class Awaitable:
    """Can be awaited."""

    def __await__(self):
        sent = yield "suspended"
        return sent


async def coroutine():
    """Await and return."""
    return [await Awaitable(), await Awaitable()]


def by_hand():
    """Drive a coroutine without a loop."""
    running = coroutine()
    print(running.send(None), running.send(1))
    try:
        running.send(2)
    except StopIteration as stop:
        print(stop.value)
    unfinished = coroutine()
    unfinished.send(None)
    unfinished.close()
    print(inspect.getcoroutinestate(unfinished))


async def ticker(n):
    """An asynchronous generator that cleans up."""
    try:
        for number in range(n):
            await asyncio.sleep(0)
            got = yield number
            if got:
                print("got", got)
    finally:
        print("ticker done")


class Countdown:
    """An asynchronous iterator."""

    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.n == 0:
            raise StopAsyncIteration
        self.n -= 1
        return self.n


async def asynchronous():
    """Loops and comprehensions that await."""
    print([n async for n in ticker(4) if n % 2], [n async for n in Countdown(3)])
    generator = ticker(5)
    print(await anext(generator), await generator.asend("sent"))
    await generator.aclose()
    print(await anext(generator, "default"), {n: await square(n) for n in range(3)})
    async for number in ticker(10):
        if number == 2:
            break
    else:
        print("not reached")
    await generator.aclose()


async def square(n):
    """Return a square."""
    return n * n


if __name__ == "__main__":
    plain()
    print(list(primes()))
    by_hand()
    asyncio.run(asynchronous())
