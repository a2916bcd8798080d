"""concurrent.interpreters: several interpreters in one process."""

import threading
from concurrent import interpreters


def main():
    """Create, run, share, pass through queues, close."""
    first, second = interpreters.create(), interpreters.create()
    print(
        interpreters.get_current() == interpreters.get_main(),
        len(interpreters.list_all()),
        first == second,
    )
    first.exec("x = 1")
    second.exec("x = 2")
    first.exec(
        "print('first has', x)",
    )
    second.exec("print('second has', x)")
    first.prepare_main(given="from outside", number=7)
    first.exec("print(given, number + x)")
    try:
        first.exec("raise ValueError('inside')")
    except interpreters.ExecutionFailed as error:
        print(type(error).__name__, error.excinfo.type.__name__, error.excinfo.msg)
    line = interpreters.create_queue()
    line.put({"kind": "message", "n": [1, 2]})
    first.prepare_main(line=line)
    first.exec("item = line.get(); item['n'].append(3); line.put(item['n'])")
    print(line.get(), line.empty())
    thread = threading.Thread(target=second.exec, args=("total = sum(range(1000))",))
    thread.start()
    thread.join()
    second.exec("print(total)")
    print(first.is_running())
    first.close()
    second.close()
    print(len(interpreters.list_all()))
    try:
        first.exec("pass")
    except interpreters.InterpreterNotFoundError:
        print("closed")


if __name__ == "__main__":
    main()
