"""The machines on real sockets, with asyncio."""

from eventproto.asyncio._clients import connect

__all__ = ["connect"]
