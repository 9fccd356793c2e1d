"""A driver for every byte-stream machine, over blocking sockets, in forty lines.

The same loop runs both ends of an HTTP/1.1 connection here, each in a thread of its own.

It prints::

    the server is asked for GET /hello
    the client has its answer: 200 b'hello, too'
    both ends have finished
"""

import socket
from collections.abc import Callable, Iterable
from select import select
from threading import Thread
from time import monotonic
from typing import Any

from eventproto import EOF, Chunk, ClosedError, End, Event, Machine
from eventproto.http import Call, ClientConnection, Request, Response, Result, ServerConnection

Application = Callable[[Event], Iterable[Any]]


# [driver
def drive(machine: Machine[Any, Chunk, Chunk], wire: socket.socket, answer: Application) -> None:
    """Run a machine on a socket until it has finished.

    `answer` sees each event and returns the commands that it gives rise to.
    """
    hungry = True
    machine.handle_timeout(monotonic())  # starts the machine's clock
    while True:
        # Events first: what the application answers, and a violation's last words, are output.
        while (event := machine.next_event()) is not None:
            try:
                for command in answer(event):
                    machine.send(command, monotonic())
            except ClosedError:
                pass  # a race that any program can lose; the last event says why
        data = bytearray()
        ending = False
        while (chunk := machine.next_output()) is not None:
            if chunk is EOF:
                ending = True
            else:
                data += chunk
        try:
            wire.sendall(data)  # many in, one out
            if ending:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            machine.receive(EOF, monotonic())  # a lost connection is EOF to the machine
        if machine.backlog:
            continue  # writing has made an event
        if machine.finished:
            break
        wait = None if machine.deadline is None else max(0, machine.deadline - monotonic())
        if select([wire] if hungry else [], [], [], wait)[0]:
            try:
                arrived = wire.recv(65536)
            except OSError:
                arrived = b""
            hungry = bool(arrived)
            machine.receive(arrived or EOF, monotonic())
        machine.handle_timeout(monotonic())
    wire.close()
    # driver]


def serve(event: Event) -> Iterable[Any]:
    if isinstance(event, Call):
        print("the server is asked for", event.request.method, event.request.path)
        yield Result(event.token, Response.of_text(200, "hello, too"))


def ask(event: Event) -> Iterable[Any]:
    if isinstance(event, Result) and isinstance(event.outcome, Response):
        print("the client has its answer:", event.outcome.status, event.outcome.body)
        yield End()


left, right = socket.socketpair()
server = Thread(target=drive, args=(ServerConnection(), left, serve))
server.start()
client = ClientConnection()
client.handle_timeout(monotonic())
client.send(Call("a token", Request("GET", "http://example.com/hello")), monotonic())
drive(client, right, ask)
server.join()
print("both ends have finished")
