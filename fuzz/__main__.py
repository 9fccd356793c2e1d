"""Fuzz one target: `python -m fuzz sse [folder of a corpus] [-max_total_time=60 ...]`.

What follows the name goes to libFuzzer, under the Python package `atheris`. Without a name, it
says which there are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["eventproto"]):
    from fuzz.targets import TARGETS


def main() -> None:
    if len(sys.argv) < 2:
        print(*TARGETS)
        return
    target, seeds = TARGETS[sys.argv[1]]
    with TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds):
            Path(folder, str(number)).write_bytes(seed)
        # It writes what it finds into the first folder, and only reads the others.
        atheris.Setup([sys.argv[0], *sys.argv[2:], folder], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
