"""WebSocket in an event loop of your own: a driver for a connection, in forty lines.

Two servers and two clients run in one loop here, over sockets that never block.

It prints::

    a server is asked for /chat
    a server is asked for /nowhere
    the client at /nowhere has ended: expected status 101, got 404
    the client at /chat is in and speaks v2.chat
    the client at /chat hears: hello
    the client at /chat has ended: None
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from select import select
from time import monotonic
from typing import Any, TypeAlias

from eventproto import EOF, Accept, Chunk, Closed, ClosedError, Event, Machine
from eventproto.http import Response, Result
from eventproto.websocket import (
    ClientConnection,
    Close,
    Opened,
    Requested,
    Sendable,
    ServerConnection,
    Text,
)

AnyMachine: TypeAlias = Machine[Any, Chunk, Chunk]
Answer: TypeAlias = Callable[[Event], Sendable | Accept | Result | None]


# [driver
class Peer:
    """A machine on a socket; `answer` gives the command that an event leads to, or None."""

    def __init__(self, wire: socket.socket, machine: AnyMachine, answer: Answer) -> None:
        self.wire, self.machine, self.answer = wire, machine, answer
        self.unsent = bytearray()
        self.ending = self.ended = False  # whether this side, and the peer, says no more

    def read(self) -> None:
        with suppress(BlockingIOError):
            arrived = self.wire.recv(65536)
            self.ended = not arrived
            self.machine.receive(arrived or EOF, monotonic())

    def write(self) -> None:
        with suppress(BlockingIOError):
            del self.unsent[: self.wire.send(self.unsent)]
            if self.ending and not self.unsent:
                self.wire.shutdown(socket.SHUT_WR)

    def attempt(self, move: Callable[[], None]) -> None:
        try:
            move()
        except OSError:  # a connection that is lost is EOF to the machine
            self.ended = True
            self.unsent.clear()
            self.machine.receive(EOF, monotonic())

    def step(self) -> None:
        """Do all that needs no waiting."""
        self.machine.handle_timeout(monotonic())
        while not self.unsent:  # else what there is to say stays in the machine
            while (event := self.machine.next_event()) is not None:
                if (command := self.answer(event)) is not None:
                    with suppress(ClosedError):  # too late; the last event says why
                        self.machine.send(command, monotonic())
            output = list(iter(self.machine.next_output, None))
            if not output:
                break
            self.ending = EOF in output
            self.unsent += b"".join(each for each in output if isinstance(each, bytes))
            self.attempt(self.write)  # what answers all that was read leaves at once
            # driver]


# [loop
def run(peers: dict[socket.socket, Peer]) -> None:
    """Drive all of them, until the last one has finished."""
    while True:
        for wire, peer in list(peers.items()):
            peer.step()
            if peer.machine.finished and not peer.unsent:
                wire.close()
                del peers[wire]
        if not peers:
            break
        deadlines = [each.machine.deadline for each in peers.values()]
        due = min((each for each in deadlines if each is not None), default=None)
        readable, writable, _ = select(
            [wire for wire, each in peers.items() if not each.ended and each.machine.backlog < 64],
            [wire for wire, each in peers.items() if each.unsent],
            [],
            None if due is None else max(0, due - monotonic()),
        )
        for wire in readable:
            peers[wire].attempt(peers[wire].read)
        for wire in writable:
            peers[wire].attempt(peers[wire].write)
            # loop]


def serve(event: Event) -> Sendable | Accept | Result | None:
    match event:
        case Requested(token, request):
            print("a server is asked for", request.path)
            if request.path == "/chat":
                return Accept(token)
            return Result(token, Response.of_text(404, "there is nothing here\n"))
        case Text():
            return event
    return None


def talk(path: str) -> Answer:
    def answer(event: Event) -> Sendable | None:
        match event:
            case Opened(subprotocol):
                print(f"the client at {path} is in and speaks {subprotocol}")
                return "hello"
            case Text(text):
                print(f"the client at {path} hears: {text}")
                return Close(1000)
            case Closed(error):
                print(f"the client at {path} has ended: {error}")
        return None

    return answer


peers: dict[socket.socket, Peer] = {}
for path in ("/chat", "/nowhere"):
    left, right = socket.socketpair()  # on the left is what a listening socket would accept
    left.settimeout(0)  # neither of them blocks
    right.settimeout(0)
    server = ServerConnection(ask=True, subprotocols=["v2.chat", "v1.chat"])
    client = ClientConnection(f"ws://example.com{path}", subprotocols=["v1.chat", "v2.chat"])
    peers[left] = Peer(left, server, serve)
    peers[right] = Peer(right, client, talk(path))
run(peers)
