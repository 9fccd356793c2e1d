"""The command: `python -m eventproto demo`."""

from __future__ import annotations

import asyncio
import sys

from eventproto import asyncio as on_asyncio
from eventproto._demo import demonstrate

_SECONDS = 4.0  # on each runtime


def main(arguments: list[str]) -> int:
    """Run what the arguments name; the exit status is 0 if all went well."""
    if arguments != ["demo"]:
        print("usage: python -m eventproto demo", file=sys.stderr)
        return 2
    try:
        import trio  # noqa: PLC0415  # an extra

        from eventproto import trio as on_trio  # noqa: PLC0415  # needs it
    except ImportError:
        print("the demo needs trio, too: pip install 'eventproto[trio]'", file=sys.stderr)
        return 2

    async def run_asyncio() -> bool:
        async with asyncio.timeout(_SECONDS):
            return await demonstrate(on_asyncio, print)

    async def run_trio() -> bool:
        with trio.fail_after(_SECONDS):
            return await demonstrate(on_trio, print)

    print("== on asyncio ==")
    same = asyncio.run(run_asyncio())
    print("\n== on trio ==")
    same = trio.run(run_trio) and same
    print("\nevery hop heard the same message" if same else "\na hop heard something else")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
