"""Tokens of a language model, streamed to a client that asks with POST.

That is how the services work: the question is the body of a POST, each token is an event of JSON,
and the last event says `[DONE]`. What is wrong with a question is told in the body of another
answer than 200. A POST is never repeated by itself, because it may cost money. The runtime is the
argument: `asyncio` (the default) or `trio`.

It prints::

    asked: Why is the sky blue?
    Because blue light scatters most.
    400: it takes a prompt
"""

import asyncio
import json
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from eventproto import HandshakeRejected, Message
from eventproto.asyncio import StreamSession  # the same class on both runtimes
from eventproto.http import Headers, Request, Response
from eventproto.site import EventStream, Site

ANSWER = ("Because", " blue", " light", " scatters", " most", ".")
JSON = Headers({"Content-Type": "application/json"})


def check(request: Request) -> Response | None:
    if "prompt" in json.loads(request.body):
        return None
    return Response(400, JSON, b'{"error": {"message": "it takes a prompt"}}')


async def complete(stream: StreamSession[Any], request: Request) -> None:
    print("asked:", json.loads(request.body)["prompt"])
    for token in ANSWER:
        await stream.send(Message.of_json({"choices": [{"delta": {"content": token}}]}))
    await stream.send(Message.of_text("[DONE]"))


async def ask(runtime: ModuleType, url: str, question: dict[str, Any]) -> str:
    answer = ""
    async with runtime.connect_sse(
        url,
        method="POST",
        body=Message.of_json({**question, "stream": True}),
        headers={"Authorization": "Bearer secret"},
        response_time=300,  # a model may think for long before it says the first word,
        read_timeout=300,  # and before the next one
    ) as events:
        async for message in events:
            if message.text == "[DONE]":
                break
            answer += message.json()["choices"][0]["delta"]["content"]
    return answer


async def main(runtime: ModuleType) -> None:
    site = Site({"/v1/completions": EventStream(complete, methods=("POST",), admit=check)})
    async with runtime.serve(site) as server:
        url = f"http://127.0.0.1:{server.port}/v1/completions"
        print(await ask(runtime, url, {"prompt": "Why is the sky blue?"}))
        try:
            await ask(runtime, url, {"promt": "Why is the sky blue?"})
        except HandshakeRejected as error:
            print(f"{error.code}: {json.loads(error.response.body)['error']['message']}")


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
