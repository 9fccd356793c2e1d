"""Tokens of a language model, streamed to a client that asks with POST.

That is how the services work: the question is the body of a POST, each token is an event of JSON,
and the last event says `[DONE]`. A POST is never repeated by itself, because it may cost money.
The runtime is the argument: `asyncio` (the default) or `trio`.

It prints::

    asked: Why is the sky blue?
    Because blue light scatters most.
"""

import asyncio
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

from eventproto import Message
from eventproto.asyncio import StreamSession  # the same class on both runtimes
from eventproto.http import Request
from eventproto.site import EventStream, Site

ANSWER = ("Because", " blue", " light", " scatters", " most", ".")


async def complete(stream: StreamSession[Any], request: Request) -> None:
    question = Message(data=request.body).json()
    print("asked:", question["prompt"])
    for token in ANSWER:
        await stream.send(Message.of_json({"choices": [{"delta": {"content": token}}]}))
    await stream.send(Message.of_text("[DONE]"))


async def main(runtime: ModuleType) -> None:
    site = Site({"/v1/completions": EventStream(complete, methods=("POST",))})
    async with runtime.serve(site) as server:
        url = f"http://127.0.0.1:{server.port}/v1/completions"
        question = Message.of_json({"prompt": "Why is the sky blue?", "stream": True})
        answer = ""
        async with runtime.connect_sse(
            url,
            method="POST",
            body=question,
            headers={"Authorization": "Bearer secret"},
            read_timeout=300,  # a model may think for long before it says the next word
        ) as events:
            async for message in events:
                if message.text == "[DONE]":
                    break
                answer += message.json()["choices"][0]["delta"]["content"]
        print(answer)


if sys.argv[1:] == ["trio"]:
    import_module("trio").run(main, import_module("eventproto.trio"))
else:
    asyncio.run(main(import_module("eventproto.asyncio")))
