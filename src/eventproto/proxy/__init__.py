"""Proxies: how to get through one to somebody else, over HTTP `CONNECT` or SOCKS 5.

`Proxy` says which one, and makes the machine that asks it. A tunnel is bytes in, bytes out like
everything else, and reports one event, `Opened`: from then on the wire leads to the target::

    tunnel = Proxy("socks5://user:secret@proxy.example").tunnel("example.com", 443)

The proxy resolves the target's name, whatever the scheme of its URL. The environment
(`HTTPS_PROXY` and the like) is never read: who wants that passes what stands there.
"""

from eventproto.proxy._http import HttpTunnel
from eventproto.proxy._proxy import Proxy
from eventproto.proxy._socks import SocksRejected, SocksReply, SocksTunnel
from eventproto.proxy._tunnel import Opened, Tunnel

__all__ = [
    "HttpTunnel",
    "Opened",
    "Proxy",
    "SocksRejected",
    "SocksReply",
    "SocksTunnel",
    "Tunnel",
]
