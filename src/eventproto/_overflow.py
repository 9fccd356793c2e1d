"""What waits to be written to one peer: bounded, with a policy for a peer that is too slow."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sized
from enum import Enum
from typing import Generic, TypeVar

from eventproto._errors import LocalProtocolError

__all__ = ["OutputQueue", "Overflow"]

ItemT = TypeVar("ItemT", bound=Sized)


class Overflow(Enum):
    """What happens when a peer takes less than there is for it."""

    DISCONNECT = "disconnect"
    """Its connection ends. It comes back, says where it was, and loses nothing."""

    DROP_OLDEST = "drop-oldest"
    """What has waited longest gives way. An event stream and a `site.LogSocket` say that
    something is missing; on other WebSockets, nobody is told."""

    COALESCE = "coalesce"
    """What waits gives way to what is newer under the same key, however much room there is. For a
    peer that is too slow all the same, as `DISCONNECT`."""


class OutputQueue(Generic[ItemT]):
    """Items that wait for one peer, in order, within two bounds.

    An empty queue has room for any item, so nothing is too large to be sent at all. Adding and
    taking one item is O(1) amortised.

    Args:
        overflow: What gives way.
        count: How many items may wait.
        size: How much they may measure together, in their own `len`.

    Attributes:
        dropped: How many items have ever given way without being replaced by a newer one.

    Raises:
        LocalProtocolError: `overflow` is none.
    """

    __slots__ = ("_count", "_items", "_overflow", "_size", "_waiting", "dropped")

    def __init__(self, overflow: Overflow, *, count: int, size: int) -> None:
        if not isinstance(overflow, Overflow):
            msg = f"overflow is a member of Overflow, got {overflow!r}"
            raise LocalProtocolError(msg)
        self._overflow = overflow
        self._count = count
        self._size = size
        self._waiting = 0  # what the items measure together
        # Under their keys; under something unique if that does not matter.
        self._items: OrderedDict[Hashable, ItemT] = OrderedDict()
        self.dropped = 0

    def put(self, item: ItemT, key: Hashable = None) -> bool:
        """Add an item at the end.

        Args:
            item: What is to be sent.
            key: Under `Overflow.COALESCE`, the item takes the place of what waits under the same
                key, or rather leaves it: what is newer is always behind what is older. None
                replaces nothing.

        Returns:
            Whether there was room. If not, the item was not added.
        """
        if self._overflow is Overflow.COALESCE and key is not None:
            replaced = self._items.pop(key, None)
            if replaced is not None:
                self._waiting -= len(replaced)
        else:
            key = object()
        size = len(item)
        while self._items and (
            len(self._items) >= self._count or self._waiting + size > self._size
        ):
            if self._overflow is not Overflow.DROP_OLDEST:
                return False
            self._waiting -= len(self._items.popitem(last=False)[1])
            self.dropped += 1
        self._items[key] = item
        self._waiting += size
        return True

    def take(self) -> ItemT | None:
        """Take the item that has waited longest, or None."""
        if not self._items:
            return None
        item = self._items.popitem(last=False)[1]
        self._waiting -= len(item)
        return item

    def take_all(self) -> list[ItemT]:
        """Take everything, in order."""
        items = list(self._items.values())
        self.clear()
        return items

    def clear(self) -> None:
        """Throw away what waits."""
        self._items.clear()
        self._waiting = 0

    def __len__(self) -> int:
        return len(self._items)
