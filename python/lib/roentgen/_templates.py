"""Templates: interpreters that are ready to be copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from . import _setup
from ._backend import processes as _processes

__all__ = ["Template", "default", "template"]

#: The default template, once it is known. A process that is spawned has none at first: it
#: has no descriptor of its maker's. So nobody is frozen with one.
known_default: Template | None = None


class Template:
    """A frozen interpreter, for ``spawn(template=…)``. Made by :func:`template`."""

    __slots__ = ("__weakref__", "_handle", "base")

    def __init__(self, handle: Any, base: _setup.Base | None) -> None:
        self._handle = handle
        #: What its processes have, and need not be told; None: all that their maker has.
        self.base = base

    @property
    def handle(self) -> Any:
        """What the kernel knows it by."""
        if self._handle is None:
            raise ValueError("the template is closed")
        return self._handle

    def close(self) -> None:
        """Let go of it. The processes that came from it go on."""
        handle, self._handle = self._handle, None
        if handle is not None:
            _processes.close_template(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            self.close()
        except (AttributeError, OSError, TypeError):
            # At the end of the interpreter, when modules are empty already, or where it
            # was not made to its end.
            pass

    def __reduce__(self) -> tuple[Any, ...]:
        return (_arrived, (_processes.template_parts(self.handle), self.base))

    def __repr__(self) -> str:
        return f"<roentgen.Template {'closed' if self._handle is None else 'open'}>"


def _arrived(parts: tuple[Any, ...], base: _setup.Base | None) -> Template:
    return Template(_processes.template_from(parts), base)


def template(preload: Iterable[str] | None = None, keep: Iterable[int] = ()) -> Template:
    """Make a template of a fresh process, or of the calling one.

    :param preload: modules that the fresh process imports first; an empty list makes a
        bare one. None: the calling process is frozen as it is, with all that it has
        imported and made, and goes on. It must have one thread only.
    :param keep: descriptors that every process of the template has, under the same number.
        The calling process must have no others open than these and its standard streams.
    :raises RuntimeError: the calling process has more than one thread.
    :raises ValueError: it has a descriptor open that is not in ``keep``.
    """
    global known_default
    kept = sorted(set(keep))
    base = _setup.current()
    if preload is None:
        from ._process import _flush

        _flush()
        known, known_default = known_default, None
        try:
            return Template(_processes.freeze_self(kept), base)
        finally:
            known_default = known
    if isinstance(preload, str):
        raise TypeError("preload is a list of names of modules")
    names = list(preload)
    known = known_default
    handle = _processes.make_template(names, kept, None if known is None else known.handle)
    return Template(handle, base)


def default() -> Template:
    """Return what processes are copied from where nothing else is asked for.

    It is made on first use. A process has its own: what its parent has imported since is
    no part of it.
    """
    global known_default
    if known_default is None:
        given: Template | None = _processes.default_template()
        known_default = given or template([])
    return known_default
