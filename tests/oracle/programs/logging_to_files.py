"""logging: levels, handlers, rotation, filters, queues, configuration."""

import io
import logging
import logging.config
import logging.handlers
import os
import queue
import sys
import tempfile


def hierarchy():
    """Loggers inherit levels and pass records up."""
    stream = io.StringIO()
    root = logging.getLogger("app")
    root.propagate = False
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("{levelname:8}|{name}|{message}", style="{"))
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    part = logging.getLogger("app.part")
    part.debug("not shown")
    part.info("shown %d of %s", 1, "two")
    part.setLevel(logging.DEBUG)
    part.debug("now shown")
    try:
        1 / 0
    except ZeroDivisionError:
        part.exception("failed")
    print([line for line in stream.getvalue().splitlines() if "File" not in line])
    print(part.getEffectiveLevel(), part.hasHandlers(), part.isEnabledFor(5))


class Only(logging.Filter):
    """Lets even numbers through and adds a field."""

    def filter(self, record):
        record.extra = "even"
        return record.args[0] % 2 == 0


def rotation(directory):
    """Files by size."""
    path = os.path.join(directory, "log")
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=200, backupCount=3)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s %(extra)s"))
    handler.addFilter(Only())
    log = logging.Logger("rotating")
    log.addHandler(handler)
    for number in range(60):
        log.warning("line number %d", number)
    handler.close()
    for name in sorted(os.listdir(directory)):
        with open(os.path.join(directory, name)) as file:
            lines = file.read().splitlines()
        print(name, len(lines), lines[0], "...", lines[-1])


def queues():
    """Records through a queue and a thread; memory handlers flush at errors."""
    records, line = [], queue.Queue()

    class Collect(logging.Handler):
        def emit(self, record):
            records.append(record.getMessage())

    log = logging.Logger("queued")
    log.addHandler(logging.handlers.QueueHandler(line))
    listener = logging.handlers.QueueListener(line, Collect())
    listener.start()
    for number in range(5):
        log.info("record %s", number)
    listener.stop()
    print(records)
    memory = logging.handlers.MemoryHandler(100, logging.ERROR, Collect())
    log = logging.Logger("memory")
    log.addHandler(memory)
    log.info("kept")
    print(len(records))
    log.error("flush")
    print(records[-2:])


def configured(directory):
    """A configuration in a dictionary."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"short": {"format": "%(name)s-%(levelname)s: %(message)s"}},
            "handlers": {
                "out": {
                    "class": "logging.StreamHandler",
                    "stream": sys.stdout,
                    "formatter": "short",
                    "level": "WARNING",
                },
                "file": {
                    "class": "logging.FileHandler",
                    "formatter": "short",
                    "filename": os.path.join(directory, "configured"),
                },
            },
            "loggers": {"configured": {"handlers": ["out", "file"], "level": "DEBUG"}},
        }
    )
    log = logging.getLogger("configured")
    log.info("to the file only")
    log.critical("to both")
    adapter = logging.LoggerAdapter(log, {"user": "ann"})
    adapter.process = lambda message, keywords: (f"[ann] {message}", keywords)
    adapter.error("adapted")
    logging.addLevelName(25, "NOTICE")
    log.log(25, "a level of one's own")
    with open(os.path.join(directory, "configured")) as file:
        print(file.read())


if __name__ == "__main__":
    hierarchy()
    with tempfile.TemporaryDirectory() as where:
        rotation(where)
    queues()
    with tempfile.TemporaryDirectory() as where:
        configured(where)
        logging.shutdown()
