"""contextvars and contextlib."""

import asyncio
import contextlib
import contextvars
import io
import sys
import threading

REQUEST = contextvars.ContextVar("request", default="none")


async def handle(name):
    """Set the variable for this task alone."""
    token = REQUEST.set(name)
    await asyncio.sleep(0.001)
    inner = await asyncio.create_task(child())
    seen = REQUEST.get()
    REQUEST.reset(token)
    return name, inner, seen, REQUEST.get()


async def child():
    """See what the parent set."""
    REQUEST.set(REQUEST.get() + "/child")
    return REQUEST.get()


def contexts():
    """Copy contexts and run in them."""
    context = contextvars.copy_context()
    print(
        context.run(REQUEST.set, "inside").var is REQUEST,
        context[REQUEST],
        REQUEST.get(),
        REQUEST in context,
        len(context) >= 1,
    )
    seen = []
    REQUEST.set("main")
    thread = threading.Thread(target=lambda: seen.append(REQUEST.get()))
    thread.start()
    thread.join()
    print(seen[0] in ("none", "main"))
    token = REQUEST.set("again")
    print(token.old_value)
    REQUEST.reset(token)
    try:
        REQUEST.reset(token)
    except RuntimeError as error:
        print(type(error).__name__)


@contextlib.contextmanager
def manager(log, name, swallow=False):
    """Note entry, exit and exceptions."""
    log.append(f"+{name}")
    try:
        yield name
    except ValueError:
        log.append(f"!{name}")
        if not swallow:
            raise
    finally:
        log.append(f"-{name}")


def managers():
    """Stacks of context managers."""
    log = []
    with manager(log, "a", swallow=True), manager(log, "b") as b:
        log.append(b)
        raise ValueError
    print(log)
    log.clear()
    with contextlib.ExitStack() as stack:
        for name in "xyz":
            stack.enter_context(manager(log, name))
        stack.callback(log.append, "callback")
        kept = stack.pop_all()
    print(log)
    kept.close()
    print(log)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print("captured")
    print(repr(out.getvalue()), contextlib.nullcontext(5).enter_result)

    @manager([], "decorator")
    def decorated():
        return "decorated"

    print(decorated(), decorated())
    with contextlib.closing(io.StringIO()) as stream:
        pass
    print(stream.closed)
    with contextlib.chdir("/"):
        import os

        print(os.getcwd())


async def asynchronous():
    """The asynchronous kinds."""
    log = []

    @contextlib.asynccontextmanager
    async def opened(name):
        log.append("open " + name)
        yield name
        await asyncio.sleep(0)
        log.append("close " + name)

    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(opened("one"))
        stack.push_async_callback(asyncio.sleep, 0)
        await stack.enter_async_context(opened("two"))
    print(log)
    print(await asyncio.gather(*(handle(name) for name in "pqr")))


if __name__ == "__main__":
    contexts()
    managers()
    asyncio.run(asynchronous())
    sys.stdout.flush()
