"""All benchmarks, one after the other: `make bench`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

for path in sorted(Path(__file__).parent.glob("bench_*.py")):
    print(f"== {path.stem}")
    import_module(f"benchmarks.{path.stem}").main()
