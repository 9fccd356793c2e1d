"""Hypothesis strategies for everything that the four protocols put on the wire.

They are the ones that this library is tested with. Aim them at your own implementation: each
strategy of something invalid draws it together with what must come of it. Needs the extra
`hypothesis`.
"""

from eventproto.strategies._chunks import chunkings

__all__ = ["chunkings"]
