"""A hundred commands of busybox's shell and applets, a native program that is not ours."""

import os
import subprocess
import tempfile
from pathlib import Path

BUSYBOX = "/bin/busybox"
SCRIPT = Path(__file__).with_suffix(".sh").resolve()


def main():
    """Each command's output, errors and status, in a directory of its own."""
    with tempfile.TemporaryDirectory() as place:
        tools = Path(place, "tools")
        tools.mkdir()
        for applet in subprocess.check_output([BUSYBOX, "--list"], text=True).split():
            tools.joinpath(applet).symlink_to(BUSYBOX)
        work = Path(place, "work")
        work.mkdir()
        ran = subprocess.run(
            [BUSYBOX, "sh", str(SCRIPT)],
            cwd=work,
            env={"PATH": str(tools), "TZ": "UTC", "HOME": str(work), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        print(ran.stdout.replace(os.path.realpath(place), "PLACE"), end="")
        print("status", ran.returncode)


main()
