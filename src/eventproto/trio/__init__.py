"""The machines on real sockets, with trio."""

from eventproto.trio._clients import connect

__all__ = ["connect"]
