"""Imports from files, packages, zip archives and strings; runpy."""

import contextlib
import importlib
import importlib.abc
import importlib.util
import os
import pkgutil
import runpy
import sys
import tempfile
import types
import zipfile

FILES = {
    "single.py": "VALUE = 1\ndef f():\n    return __name__\n",
    "pack/__init__.py": "from .a import A\nfrom . import sub\n__all__ = ['A', 'b']\n",
    "pack/a.py": "A = 'a of ' + __package__\n",
    "pack/b.py": "B = 'b'\n",
    "pack/sub/__init__.py": "from ..a import A as UP\n",
    "pack/__main__.py": "import sys\nprint('main of', __package__, sys.argv[1:])\n",
    "cycle1.py": "import cycle2\nX = 1\n",
    "cycle2.py": "import cycle1\nY = hasattr(cycle1, 'X')\n",
    "broken.py": "def f(:\n",
    "raising.py": "raise RuntimeError('at import')\n",
    "space/one.py": "N = 1\n",
}


def grow(directory):
    """Write the modules."""
    for name, text in FILES.items():
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)


def from_files(directory):
    """Modules, packages, cycles, failures, reloading."""
    import single
    import pack
    import cycle1
    import space.one

    print(
        single.VALUE,
        single.f(),
        os.path.basename(single.__file__),
        pack.A,
        pack.sub.UP,
        cycle1.cycle2.Y,
        space.one.N,
        space.__file__,
    )
    exec("from pack import *", namespace := {})
    print(sorted(name for name in namespace if not name.startswith("_")))
    for name in ("broken", "raising", "absent", "pack.absent", "single.x"):
        try:
            importlib.import_module(name)
        except Exception as error:
            print(name, type(error).__name__, name in sys.modules)
    with open(os.path.join(directory, "single.py"), "a") as file:
        file.write("VALUE = 2000\nNEW = True\n")
    importlib.invalidate_caches()
    print(importlib.reload(single) is single, single.VALUE, single.NEW)
    print(
        sorted(module.name for module in pkgutil.iter_modules(pack.__path__)),
        [m.name for m in pkgutil.walk_packages(pack.__path__, "pack.") if m.ispkg],
    )
    print(
        importlib.util.find_spec("pack.b").name,
        importlib.util.find_spec("nope"),
        importlib.util.resolve_name(".x", "pack"),
    )


def from_zip(directory):
    """Modules inside of an archive."""
    path = os.path.join(directory, "modules.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zipped.py", "def where():\n    return __file__\n")
        archive.writestr("zpack/__init__.py", "")
        archive.writestr("zpack/data.txt", "data in the archive")
        archive.writestr("zpack/mod.py", "M = 'zipped'")
        archive.writestr("__main__.py", "print('archive runs')")
    sys.path.insert(0, path)
    import zipped
    from zpack import mod

    print(
        zipped.where().endswith("modules.zip/zipped.py"),
        mod.M,
        pkgutil.get_data("zpack", "data.txt"),
    )
    runpy.run_path(path, run_name="__main__")
    sys.path.remove(path)


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes modules up."""

    def find_spec(self, name, path, target=None):
        if name.startswith("made_up"):
            return importlib.util.spec_from_loader(name, self)
        return None

    def exec_module(self, module):
        module.GREETING = f"hello from {module.__name__}"


def by_hooks(directory):
    """Finders, specs and modules by hand; running modules."""
    sys.meta_path.append(Finder())
    import made_up_module

    print(made_up_module.GREETING)
    spec = importlib.util.spec_from_file_location("renamed", os.path.join(directory, "pack/b.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    print(module.B, module.__name__, "renamed" in sys.modules)
    empty = types.ModuleType("empty", "a docstring")
    print(empty.__doc__, empty)
    print(
        runpy.run_module("single")["VALUE"],
        runpy.run_path(os.path.join(directory, "single.py"))["VALUE"],
    )
    saved, sys.argv = sys.argv, ["x", "arg"]
    with contextlib.suppress(SystemExit):
        runpy.run_module("pack", run_name="__main__", alter_sys=True)
    sys.argv = saved


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        grow(where)
        sys.path.insert(0, where)
        sys.dont_write_bytecode = True
        from_files(where)
        from_zip(where)
        by_hooks(where)
