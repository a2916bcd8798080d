"""What the codec asks about classes and other objects that pickle cannot take.

A class that cannot be imported (one of ``__main__``, or local to a function) travels by
value, with an id: where a process meets the id again, it takes the class that it has. So
an instance that goes to another process and comes back is of the class that it was of.
"""

from __future__ import annotations

import contextlib
import os
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

#: How to make an object again, by its exact type, as :meth:`object.__reduce_ex__` says it.
dispatch_table: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    property: lambda p: (property, (p.fget, p.fset, p.fdel, p.__doc__)),
    classmethod: lambda method: (classmethod, (method.__func__,)),
    staticmethod: lambda method: (staticmethod, (method.__func__,)),
    types.MappingProxyType: lambda proxy: (types.MappingProxyType, (dict(proxy),)),
    types.MethodType: lambda method: (types.MethodType, (method.__func__, method.__self__)),
    type({}.keys()): lambda view: (list, (list(view),)),
    type({}.values()): lambda view: (list, (list(view),)),
    type({}.items()): lambda view: (list, (list(view),)),
}

#: Attributes of a class that are made with it.
_MADE = frozenset(
    {
        "__annotate__",
        "__annotate_func__",
        "__annotations__",
        "__annotations_cache__",
        "__classdictcell__",
        "__dict__",
        "__module__",
        "__qualname__",
        "__slots__",
        "__weakref__",
    }
)

_classes: weakref.WeakValueDictionary[str, type] = weakref.WeakValueDictionary()
_ids: weakref.WeakKeyDictionary[type, str] = weakref.WeakKeyDictionary()
#: Those that came from elsewhere and are complete.
_filled: weakref.WeakSet[type] = weakref.WeakSet()


def _id_of(cls: type) -> str:
    known = _ids.get(cls)
    if known is None:
        known = os.urandom(16).hex()
        _ids[cls] = known
        _classes[known] = cls
        _filled.add(cls)
    return known


def reduce_class(cls: type) -> str | tuple[Any, ...]:
    """Say how to make a class that cannot be found by its module and name."""
    builtin = _of_types(cls)
    if builtin is not None:
        return (getattr, (types, builtin))
    if not _is_heap_type(cls):
        raise TypeError(f"{cls!r} cannot be found by its name, and is not written in Python")
    members = {
        name: value
        for name, value in vars(cls).items()
        if name not in _MADE and not isinstance(value, types.MemberDescriptorType)
    }
    with contextlib.suppress(Exception):
        # As values: what makes them holds all of the class's namespace. Where they name
        # what is not there (yet), nobody has asked for them either.
        if cls.__annotations__:
            members["__annotations__"] = dict(cls.__annotations__)
    if "__dataclass_fields__" in members:
        _learn_dataclasses()
    made: dict[str, Any] = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    if "__slots__" in vars(cls):
        made["__slots__"] = vars(cls)["__slots__"]
    enum = sys.modules.get("enum")
    if enum is not None and isinstance(cls, enum.EnumMeta):
        return _reduce_enum(cls, made, members)
    bases = cls.__bases__
    return (
        make_class,
        (_id_of(cls), type(cls), cls.__name__, bases, made),
        members,
        None,
        None,
        fill_class,
    )


def _learn_dataclasses() -> None:
    """Let what is compared by identity in the fields of data classes go by name."""
    import dataclasses

    for name in ("MISSING", "KW_ONLY", "_HAS_DEFAULT_FACTORY"):
        kind = type(getattr(dataclasses, name))
        dispatch_table[kind] = lambda _, name=name: (getattr, (dataclasses, name))  # type: ignore[misc]
    kinds = {
        getattr(dataclasses, name): name for name in ("_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR")
    }
    kind = type(dataclasses._FIELD)  # type: ignore[attr-defined]
    dispatch_table[kind] = lambda field: (getattr, (dataclasses, kinds[field]))


def _reduce_enum(cls: Any, made: dict[str, Any], members: dict[str, Any]) -> tuple[Any, ...]:
    values = {name: member.value for name, member in cls.__members__.items()}
    own = {
        name: value
        for name, value in members.items()
        if name not in values
        and not name.startswith("_")
        and callable(getattr(value, "__func__", value))
    }
    made = {**made, **own}
    return (make_enum, (_id_of(cls), type(cls), cls.__name__, cls.__bases__, made, values))


def _of_types(cls: type) -> str | None:
    """Return the name under which module ``types`` has a builtin class."""
    for name, value in vars(types).items():
        if value is cls and isinstance(value, type):
            return name
    return None


def _is_heap_type(cls: type) -> bool:
    return bool(cls.__flags__ & (1 << 9))


def make_class(
    identity: str, kind: type, name: str, bases: tuple[type, ...], made: dict[str, Any]
) -> type:
    """Return the class with this id: the one that is here, or a new one without members."""
    known = _classes.get(identity)
    if known is not None:
        return known

    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(made)

    return _remember(identity, types.new_class(name, bases, {"metaclass": kind}, fill))


def fill_class(cls: type, members: dict[str, Any]) -> None:
    """Give a new class its members."""
    if cls in _filled:
        return
    _filled.add(cls)
    for name, value in members.items():
        try:
            setattr(cls, name, value)
        except (AttributeError, TypeError):
            # What the metaclass made by itself, and does not let be set.
            if name not in vars(cls):
                raise
        else:
            set_name = getattr(type(value), "__set_name__", None)
            if set_name is not None and not isinstance(value, type):
                set_name(value, cls, name)
    abstract = members.get("__abstractmethods__")
    if abstract is not None:
        cls.__abstractmethods__ = abstract  # type: ignore[attr-defined]


def make_enum(
    identity: str,
    kind: type,
    name: str,
    bases: tuple[type, ...],
    made: dict[str, Any],
    values: dict[str, Any],
) -> type:
    """Return the enumeration with this id: the one that is here, or a new one."""
    known = _classes.get(identity)
    if known is not None:
        return known

    def fill(namespace: dict[str, Any]) -> None:
        namespace.update(made)
        for member, value in values.items():
            namespace[member] = value

    cls = types.new_class(name, bases, {"metaclass": kind}, fill)
    _filled.add(cls)
    return _remember(identity, cls)


def _remember(identity: str, cls: type) -> type:
    _classes[identity] = cls
    _ids[cls] = identity
    main = sys.modules.get("__main__")
    if main is not None and cls.__module__ == "__main__" and "." not in cls.__qualname__:
        # So that others find it there, pickle among them.
        vars(main).setdefault(cls.__name__, cls)
    return cls


def which_module(value: Any, name: str) -> str:
    """Return the module in which this object has this name."""
    for module_name, module in list(sys.modules.items()):
        if module_name == "__main__" or module is None:
            continue
        found: Any = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is value:
            return module_name
    raise TypeError(f"{value!r} cannot be found as {name} in any module")
