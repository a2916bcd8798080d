"""Data that outlive a process: shelve, dbm.dumb, mailbox, and a journal."""

import dbm.dumb
import json
import mailbox
import os
import shelve
import signal
import tempfile
import zlib


def shelves(directory):
    """Objects by name."""
    path = os.path.join(directory, "shelf")
    with dbm.dumb.open(path, "n") as base, shelve.Shelf(base) as shelf:
        shelf["list"] = [1, {"a": (2, 3)}]
        shelf["text"] = "é" * 1000
        shelf["gone"] = None
        del shelf["gone"]
    with dbm.dumb.open(path) as base, shelve.Shelf(base, writeback=True) as shelf:
        shelf["list"].append("appended")
    with dbm.dumb.open(path, "r") as base, shelve.Shelf(base) as shelf:
        print(sorted(shelf), shelf["list"], len(shelf["text"]), "gone" in shelf)
    with dbm.dumb.open(os.path.join(directory, "raw"), "c") as base:
        for number in range(200):
            base[str(number)] = os.fsencode("v" * number)
        print(len(base), len(base[b"150"]), base.get("absent", b"none"))
    print(sorted(os.listdir(directory)))


def mails(directory):
    """Messages in boxes of two kinds."""
    for kind in (mailbox.mbox, mailbox.Maildir):
        box = kind(os.path.join(directory, kind.__name__))
        box.lock()
        for number in range(3):
            message = mailbox.Message()
            message["Subject"] = f"number {number}"
            message.set_payload("From the body\n" * number)
            box.add(message)
        box.flush()
        box.unlock()
        print(kind.__name__, len(box), sorted(m["Subject"] for m in box))
        box.remove(sorted(box.keys())[0])
        box.flush()
        print(len(kind(os.path.join(directory, kind.__name__))))
        box.close()


class Journal:
    """A table kept as a log of checked lines; what is half written is dropped."""

    def __init__(self, path):
        self.path, self.table, self.dropped = path, {}, 0
        if os.path.exists(path):
            self.replay()
        self.file = open(path, "ab")

    def replay(self):
        """Take in what is whole, and cut the rest off."""
        good = 0
        with open(self.path, "rb") as file:
            for line in file:
                check, _, body = line.rstrip(b"\n").partition(b" ")
                if not line.endswith(b"\n") or check != b"%08x" % zlib.crc32(body):
                    self.dropped += 1
                    break
                key, value = json.loads(body)
                self.table[key] = value
                good += len(line)
        os.truncate(self.path, good)

    def put(self, key, value):
        """Write one entry."""
        body = json.dumps([key, value]).encode()
        self.file.write(b"%08x %s\n" % (zlib.crc32(body), body))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.table[key] = value

    def compact(self):
        """Write the table anew and put it in place at once."""
        fresh = Journal(self.path + ".new")
        for key in sorted(self.table):
            fresh.put(key, self.table[key])
        fresh.file.close()
        self.file.close()
        os.replace(fresh.path, self.path)
        self.file = open(self.path, "ab")


def journal(directory):
    """Kill the writer in the middle, and read what is left."""
    path = os.path.join(directory, "journal")
    child = os.fork()
    if child == 0:
        log = Journal(path)
        for number in range(50):
            log.put(f"k{number % 7}", number)
        os.write(log.file.fileno(), b'12345678 ["half')
        os.kill(os.getpid(), signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    log = Journal(path)
    print(sorted(log.table.items()), log.dropped)
    before = os.path.getsize(path)
    log.compact()
    log.put("after", "compaction")
    print(os.path.getsize(path) < before, len(Journal(path).table), sorted(os.listdir(directory)))


if __name__ == "__main__":
    for part in (shelves, mails, journal):
        with tempfile.TemporaryDirectory() as where:
            part(where)
