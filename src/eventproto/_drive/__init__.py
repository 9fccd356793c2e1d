"""What drivers do alike on every runtime: asynchronous, but importing none of them.

`asyncio` and `trio` add what touches the runtime itself: sockets, tasks, clocks and waiting.
"""
