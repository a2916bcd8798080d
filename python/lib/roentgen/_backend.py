"""Who does the work: the kernel where it is Roentgen's, else sockets and forks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import _roentgen

if TYPE_CHECKING:
    # Both have the same names; Linux's are the more general for a type checker.
    from . import _linux as channels
    from . import _linux_processes as processes
elif _roentgen.version() is not None:
    from . import _kernel as channels
    from . import _kernel_processes as processes
else:
    from . import _linux as channels
    from . import _linux_processes as processes

__all__ = ["channels", "processes"]
