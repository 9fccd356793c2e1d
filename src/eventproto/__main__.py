"""The command: `python -m eventproto demo`."""

from __future__ import annotations

import asyncio
import sys

import eventproto.asyncio
from eventproto._demo import demonstrate

_SECONDS = 8.0


def main(arguments: list[str]) -> int:
    """Run what the arguments name; the exit status is 0 if all went well."""
    if arguments != ["demo"]:
        print("usage: python -m eventproto demo", file=sys.stderr)
        return 2
    try:
        import trio  # noqa: PLC0415  # an extra

        import eventproto.trio  # noqa: PLC0415
    except ImportError:
        print("the demo needs trio, too: pip install 'eventproto[trio]'", file=sys.stderr)
        return 2

    async def on_asyncio() -> bool:
        async with asyncio.timeout(_SECONDS / 2):
            return await demonstrate(eventproto.asyncio, print)

    async def on_trio() -> bool:
        with trio.fail_after(_SECONDS / 2):
            return await demonstrate(eventproto.trio, print)

    print("== on asyncio ==")
    same = asyncio.run(on_asyncio())
    print("\n== on trio ==")
    same = trio.run(on_trio) and same
    print("\nevery hop heard the same message" if same else "\na hop heard something else")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
