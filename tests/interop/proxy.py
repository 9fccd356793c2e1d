"""nginx as a reverse proxy in front of a server of ours."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template
from subprocess import DEVNULL

import anyio

from tests.system_tools import require_tool

__all__ = ["nginx"]

# What the guides tell users to write is the two locations; the rest keeps it in its folder.
_CONFIGURATION = Template("""
daemon off;
master_process off;
pid $folder/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path $folder/body;
    proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi;
    uwsgi_temp_path $folder/uwsgi;
    scgi_temp_path $folder/scgi;
    gzip on;
    gzip_types *;
    server {
        listen 127.0.0.1:$port;
        location / {
            proxy_pass http://127.0.0.1:$upstream;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }
        location /websocket {
            proxy_pass http://127.0.0.1:$upstream;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $$http_upgrade;
            proxy_set_header Connection "upgrade";
        }
    }
}
""")


@asynccontextmanager
async def nginx(upstream: int, folder: Path) -> AsyncIterator[int]:
    """A proxy in front of a port, for the time of the block; gives its own port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.substitute(folder=folder, port=port, upstream=upstream), "utf-8"
    )
    command = [require_tool("nginx"), "-p", str(folder), "-c", str(configuration)]
    async with await anyio.open_process(
        command, stdin=DEVNULL, stdout=None, stderr=None
    ) as process:
        with anyio.fail_after(10):
            await _listening(port)
        yield port
        process.terminate()


async def _listening(port: int) -> None:
    while True:
        try:
            stream = await anyio.connect_tcp("127.0.0.1", port)
        except OSError:
            await anyio.sleep(0.01)
        else:
            await stream.aclose()
            return
