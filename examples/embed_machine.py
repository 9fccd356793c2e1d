"""A machine without any runtime: the clock is a number, and bytes are handed over by hand.

The machine is a `sse.ServerStream`. What it writes would be the body of a response; here a
`sse.Decoder` reads it at once.

It prints::

    0.0 s: reported RetryChanged(milliseconds=2000)
    0.0 s: reported ServerSentEvent(data='hello', event='message', id='1')
    nothing to do before 15.0 s
    15.0 s: reported Comment(text='')
    nothing to do before 30.0 s
    20.0 s: the peer has gone, the machine says Closed(error=None)
    finished: True
    too late: ServerStream has closed
"""

from eventproto import EOF, ClosedError
from eventproto.sse import Decoder, ServerSentEvent, ServerStream

now = 0.0
stream = ServerStream(heartbeat=15.0, retry=2000)
decoder = Decoder()


def write_out() -> None:
    """What a driver does after each touch: take all output and put it on the wire."""
    while (chunk := stream.next_output()) is not None:
        if chunk is not EOF:
            for event in decoder.receive(chunk):
                print(f"{now} s: reported {event}")


stream.handle_timeout(now)  # the first touch starts the machine's clock
stream.send(ServerSentEvent("hello", id="1"), now)  # the application says something
write_out()
print(f"nothing to do before {stream.deadline} s")

now = 15.0  # the time has come: the machine keeps an idle connection alive
stream.handle_timeout(now)
write_out()
print(f"nothing to do before {stream.deadline} s")

now = 20.0
stream.receive(EOF, now)  # the wire brings its end
print(f"{now} s: the peer has gone, the machine says {stream.next_event()}")
print(f"finished: {stream.finished}")
try:
    stream.send(ServerSentEvent("anybody there?"), now)
except ClosedError as error:
    print(f"too late: {error}")
