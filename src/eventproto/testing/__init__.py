"""For those who test: laws to hold machines to, and a simulated wire, network and clock.

Nothing here touches a socket or waits: time passes as fast as the machines can take it. Only
`check_engine` runs what it is given in an event loop.
"""

from eventproto.testing._engine import check_engine
from eventproto.testing._engine_factory import EngineFactory
from eventproto.testing._laws import check_machine
from eventproto.testing._network import CallNetwork, Fate
from eventproto.testing._transcript import Transcript, check_chunking, comparable, feed
from eventproto.testing._wire import Wire

__all__ = [
    "CallNetwork",
    "EngineFactory",
    "Fate",
    "Transcript",
    "Wire",
    "check_chunking",
    "check_engine",
    "check_machine",
    "comparable",
    "feed",
]
