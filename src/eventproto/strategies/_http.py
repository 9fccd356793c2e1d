"""HTTP/1.1: values, and requests as they come over the wire."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from hypothesis import strategies as st

from eventproto.http import Headers, Request, Response

__all__ = ["headers", "malformed_requests", "request_bytes", "requests", "responses"]

_NAME: Final = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Names that say how a message is framed, or what becomes of the connection.
_CONTROL: Final = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding"}
    | {"upgrade"}
)
_METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_HOSTS: Final = ("example.com", "localhost", "127.0.0.1", "[2001:db8::1]", "a.b-c.example")
_PATH: Final = "/-._~!$&'()*+,;=:@%20abcXYZ|{}"
_WITHOUT_BODY: Final = frozenset({204, 205, 304})


def headers() -> st.SearchStrategy[Headers]:
    """Header fields that mean nothing to a connection: odd names, any value, duplicates."""
    value = st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
        | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=["Cs"])
        | st.just("\t"),
        max_size=20,
    ).map(_as_arrived)
    name = st.text(_NAME, min_size=1, max_size=12).filter(lambda each: each.lower() not in _CONTROL)
    common = st.sampled_from(["Accept", "accept", "X-A", "Cookie", "Link"])
    return st.lists(st.tuples(common | name, value), max_size=6).map(Headers)


def requests(*, secure: bool = False) -> st.SearchStrategy[Request]:
    """Requests in the form in which they arrive, so that they compare equal on the other side.

    Args:
        secure: Whether the scheme is `https`, not `http`.
    """
    method = st.sampled_from(_METHODS) | st.text(_NAME, min_size=1, max_size=8).filter(
        lambda each: each != "CONNECT"
    )
    return st.builds(Request, method, _urls(secure=secure), headers(), st.binary(max_size=200))


def responses() -> st.SearchStrategy[Response]:
    """Final responses that a server may send whole."""
    status = st.sampled_from([200, 201, 204, 205, 304, 404, 500]) | st.integers(200, 599)
    return status.flatmap(
        lambda each: st.builds(
            Response,
            st.just(each),
            headers(),
            st.just(b"") if each in _WITHOUT_BODY else st.binary(max_size=200),
        )
    )


@st.composite
def request_bytes(draw: st.DrawFn) -> tuple[bytes, Request]:
    """A request as clients may write it, and the `Request` that a server must read in it.

    Clients choose the form of the target, the framing of the body, white space, how lines end,
    and what else they say with chunks.
    """
    request = draw(requests())
    parts = urlsplit(request.url)
    fields = [("Host", parts.netloc), *request.headers]
    body = b""
    match draw(st.sampled_from(["none", "length", "chunked"])):
        case "length":
            fields.append(("content-length", str(len(request.body))))
            body = request.body
        case "chunked":
            fields.append(("Transfer-Encoding", draw(st.sampled_from(["chunked", "Chunked"]))))
            body = draw(_chunked(request.body))
        case _:
            request = Request(request.method, request.url, request.headers)
    newline = draw(st.sampled_from([b"\r\n", b"\n"]))
    blank = draw(st.sampled_from(["", " ", "\t  "]))
    target = draw(st.sampled_from([request.url, request.target]))
    head = [f"{request.method} {target} HTTP/1.1".encode()]
    head += [
        name + b":" + blank.encode() + text + blank.encode()
        for name, text in Headers(fields).encode()
    ]
    data = draw(st.sampled_from([b"", b"\r\n", b"\n\r\n"])) + newline.join([*head, b"", b""]) + body
    arrived = Headers(fields).without("Transfer-Encoding")
    return data, Request(request.method, request.url, arrived, request.body)


def malformed_requests() -> st.SearchStrategy[tuple[bytes, int]]:
    """What is no HTTP/1.1 request, and the status that must answer it; limits are the defaults."""
    return st.sampled_from(MALFORMED) | st.tuples(_broken_heads(), st.just(400))


def _urls(*, secure: bool) -> st.SearchStrategy[str]:
    scheme, default = ("https", 443) if secure else ("http", 80)
    port = st.integers(1, 65535).filter(lambda each: each != default).map(lambda each: f":{each}")
    path = st.text(_PATH, max_size=20)
    query = st.just("") | path.map(lambda each: f"?{each}")
    return st.builds(
        lambda *parts: "{}://{}{}/{}{}".format(scheme, *parts),
        st.sampled_from(_HOSTS),
        st.just("") | port,
        path,
        query,
    )


def _as_arrived(text: str) -> str:
    # Surrogate escapes side by side may stand for bytes that are UTF-8 together.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape").strip(" \t")


@st.composite
def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    extension = draw(st.sampled_from([b"", b";x", b';a="b;c"', b"  "]))
    data = b""
    while body:
        size = draw(st.integers(1, len(body)))
        data += b"%x" % size + extension + b"\r\n" + body[:size] + b"\r\n"
        body = body[size:]
    return data + b"0\r\n" + draw(st.sampled_from([b"", b"X-Trailer: 1\r\n"])) + b"\r\n"


@st.composite
def _broken_heads(draw: st.DrawFn) -> bytes:
    """A head with a character where none of its kind may be."""
    before, after = draw(
        st.sampled_from([(b"G", b"ET /"), (b"GET /", b""), (b"GET / HTTP/1.1\r\nX: ", b"y")])
    )
    controls = [bytes([code]) for code in (*range(9), 11, 12, *range(14, 32), 127)]
    broken = draw(st.sampled_from([*controls, b"\r "]))
    return before + broken + after + b" HTTP/1.1\r\nHost: a\r\n\r\n"


MALFORMED: Final = tuple(
    (data.replace("\n", "\r\n").encode("latin-1"), status)
    for data, status in (
        ("GET / HTTP/1.1\n\n", 400),  # no Host
        ("GET / HTTP/1.0\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\nHost:\n\n", 400),
        ("GET / HTTP/1.1\nHost: a b\n\n", 400),
        ("GET / HTTP/1.1\nHost: a/b\n\n", 400),
        ("GET / HTTP/1.1\nHost: user@a\n\n", 400),
        ("GET / HTTP/1.1\nHost: a:65536\n\n", 400),
        ("GET / HTTP/1.1\nHost: [::1\n\n", 400),
        ("GET / HTTP/1.1\nHost: \xe9\n\n", 400),
        ("GET /#fragment HTTP/1.1\nHost: a\n\n", 400),
        ("GET /\xe9 HTTP/1.1\nHost: a\n\n", 400),
        ('GET /" HTTP/1.1\nHost: a\n\n', 400),
        ("GET * HTTP/1.1\nHost: a\n\n", 400),
        ("GET a HTTP/1.1\nHost: a\n\n", 400),
        ("GET ftp://a/ HTTP/1.1\nHost: a\n\n", 400),
        ("GET ws://a/ HTTP/1.1\nHost: a\n\n", 400),
        ("GET http:/a HTTP/1.1\nHost: a\n\n", 400),
        ("GET http://user@a/ HTTP/1.1\nHost: a\n\n", 400),
        ("GET http://a/ HTTP/1.1\nHost: a b\n\n", 400),
        ("GET http://a/ HTTP/1.1\n\n", 400),
        ("GET  / HTTP/1.1\nHost: a\n\n", 400),
        (" GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET /\nHost: a\n\n", 400),  # HTTP/0.9
        ("GET / HTTP/11\nHost: a\n\n", 400),
        ("GET / http/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\nHost : a\n\n", 400),
        ("GET / HTTP/1.1\n Host: a\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nX: b\n c\n\n", 400),  # obs-fold
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\n\tchunked\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nno colon\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\n: no name\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: x\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: -1\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: +1\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 1, 2\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 2\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 123456789012345678901\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 0\nTransfer-Encoding: chunked\n\n", 400),
        ("POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\nx\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n-1\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0x1\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1_0\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n 1\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1 2\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n;x\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1;x\ry\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1;x\0\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1\nabc", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\nX : y\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\nX: y\rz\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\nno colon\n\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 1048577\n\n", 413),
        ("POST / HTTP/1.1\nHost: a\nContent-Length: 1048577\nExpect: 100-continue\n\n", 413),
        ("GET /" + "a" * 32768 + " HTTP/1.1\nHost: a\n\n", 414),
        ("GET /" + "a" * 32768, 414),
        ("GET / HTTP/1.1\nHost: a\nX: " + "a" * 32768, 431),
        ("GET / HTTP/1.1\nHost: a\n" + "X: y\n" * 100 + "\n", 431),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n1;" + "a" * 1024, 431),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\nX: " + "a" * 1024, 431),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked;q=1\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, identity\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked\n\n", 400),
        (
            "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n\n",
            400,
        ),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked\n\n", 501),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip\ntransfer-encoding: chunked\n\n", 501),
        ("GET https://a/ HTTP/1.1\nHost: a\n\n", 421),
        ("CONNECT a:80 HTTP/1.1\nHost: a:80\n\n", 501),
        ("PRI * HTTP/2.0\n\nSM\n\n", 505),
        ("GET / HTTP/3.0\nHost: a\n\n", 505),
        ("GET / HTTP/0.9\nHost: a\n\n", 505),
    )
)
