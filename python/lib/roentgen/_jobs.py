"""What a pool's processes call: apart from the pool, so that they need not import it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["apply", "initialized", "run_chunk"]


def apply(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a function whose arguments may have any name."""
    return fn(*args, **kwargs)


def initialized(
    initializer: Callable[..., object],
    initargs: tuple[Any, ...],
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """Do so behind an initializer."""
    initializer(*initargs)
    return fn(*args, **kwargs)


def run_chunk(fn: Callable[..., Any], chunk: tuple[tuple[Any, ...], ...]) -> list[Any]:
    """Do several calls."""
    return [fn(*args) for args in chunk]
