"""An event stream behind nginx, which must neither buffer nor compress it. It needs nginx.

`CONFIGURATION` is all that nginx has to be told; the server says the rest in its headers. The
runtime is the argument: `asyncio` (the default) or `trio`.

It prints::

    through nginx: first
    through nginx: second
"""

import asyncio
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from eventproto import Message
from eventproto.engine import MemoryEngine
from eventproto.site import LogStream, Site

CONFIGURATION = """
location /events {
    proxy_pass http://127.0.0.1:%(upstream)d;
    proxy_http_version 1.1;          # or every event would end its connection
    proxy_set_header Connection "";
    proxy_read_timeout 60s;          # more than the 15 s between two heartbeats
}
"""

# What keeps this nginx in a folder of its own.
FRAME = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:%(port)d;
        %(locations)s
    }
}
"""


async def main(runtime: ModuleType) -> None:
    log = MemoryEngine().log
    async with runtime.serve(Site({"/events": LogStream(log, "news", replay=True)})) as server:
        await log.append("news", Message.of_text("first"))
        with nginx(server.port) as port:
            # It takes a moment to start, and a client comes back until it is there.
            url = f"http://127.0.0.1:{port}/events"
            async with runtime.connect_sse(url, retry=20) as events:
                print("through nginx:", (await anext(events)).text)
                await log.append("news", Message.of_text("second"))
                print("through nginx:", (await anext(events)).text)


@contextmanager
def nginx(upstream: int) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        written = FRAME % {"port": port, "locations": CONFIGURATION % {"upstream": upstream}}
        Path(folder, "nginx.conf").write_text(written, "utf-8")
        process = subprocess.Popen(["nginx", "-p", folder, "-c", "nginx.conf"])
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
