"""What Stackless Python has and this interpreter cannot have."""

from __future__ import annotations


def enable_softswitch(flag: bool) -> bool:
    """Refuse to switch softly, which is without a native stack: return False.

    :raises NotImplementedError: where *flag* is true.
    """
    if flag:
        raise NotImplementedError(
            "the interpreter keeps the state of a call on the native stack: "
            "tasklets cannot be switched without changing it"
        )
    return False


def pickle_with_tracing_state(flag: bool) -> bool:
    """Refuse to pickle trace functions with tasklets, which are not pickled: return False.

    :raises NotImplementedError: where *flag* is true.
    """
    if flag:
        raise NotImplementedError("tasklets are not pickled: their stacks are native")
    return False
