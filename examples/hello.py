"""The smallest program: who am I, where do I run?"""

import os

import roentgen

print(f"Hello from process {os.getpid()} on core {roentgen.current_core()}")
memory = roentgen.memory()
print(f"{memory.free >> 20} of {memory.total >> 20} MiB are free")
