"""weakref, gc and finalizers."""

import gc
import sys
import weakref


class Node:
    """Something that can be referred to weakly."""

    def __init__(self, name):
        self.name = name
        self.other = None

    def method(self):
        """Return the name."""
        return self.name


def references():
    """Plain references, proxies and methods."""
    node = Node("a")
    reference = weakref.ref(node, lambda r: print("callback", r() is None))
    proxy = weakref.proxy(node)
    method = weakref.WeakMethod(node.method)
    print(reference() is node, proxy.name, method()(), weakref.getweakrefcount(node) > 1)
    proxy.name = "b"
    print(node.name, reference == weakref.ref(node), hash(reference) == hash(node))
    del node
    gc.collect()
    print(reference(), method())
    try:
        proxy.name
    except ReferenceError as error:
        print(type(error).__name__)
    for value in (1, "s", None):
        try:
            weakref.ref(value)
        except TypeError as error:
            print(error)


def containers():
    """Dictionaries and sets that do not keep their items."""
    nodes = [Node(str(number)) for number in range(5)]
    values = weakref.WeakValueDictionary({node.name: node for node in nodes})
    keys = weakref.WeakKeyDictionary({node: node.name for node in nodes})
    members = weakref.WeakSet(nodes)
    print(len(values), len(keys), len(members), sorted(values))
    del nodes[1:3]
    gc.collect()
    print(sorted(values), sorted(keys.values()), len(members))
    print(values.get("1"), values["0"] is nodes[0], nodes[0] in members)


def finalizers():
    """What runs when an object goes."""
    node = Node("f")
    finalizer = weakref.finalize(node, print, "finalized", 1, end="!\n")
    late = Node("late")
    weakref.finalize(late, print, "at exit")
    detached = weakref.finalize(late, print, "never")
    detached.detach()
    print(finalizer.alive)
    del node
    gc.collect()
    print(finalizer.alive, finalizer())
    return late


class Deleted:
    """Says when it goes."""

    def __init__(self, log):
        self.log = log

    def __del__(self):
        self.log.append("gone")


def collecting():
    """Objects without cycles go at once; the collector can be asked."""
    log = []
    item = Deleted(log)
    del item
    print(log)
    items = [Deleted(log) for _ in range(10)]
    items.clear()
    print(len(log), gc.isenabled())
    gc.disable()
    print(gc.isenabled())
    gc.enable()
    print(isinstance(gc.collect(), int), len(gc.get_threshold()))
    first, second = Node("first"), Node("second")
    first.other, second.other = second, first
    seen = weakref.ref(first)
    print(seen().other.name, sys.getrefcount(first) > 1)


if __name__ == "__main__":
    references()
    containers()
    kept = finalizers()
    collecting()
