"""multiprocessing: what `start_methods` does, with processes that start from nothing."""

import start_methods

if __name__ == "__main__":
    start_methods.run("spawn")
