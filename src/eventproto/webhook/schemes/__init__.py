"""How a webhook shows who sent it: one module for each way that is in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from eventproto._errors import LocalProtocolError
from eventproto.webhook.schemes._scheme import Scheme
from eventproto.webhook.schemes._standard import StandardWebhooks

__all__ = ["Scheme", "StandardWebhooks", "scheme"]

_SCHEMES: Final[Mapping[str, Callable[..., Scheme]]] = {
    "standard-webhooks": StandardWebhooks,
}


def scheme(name: str, *, secrets: Sequence[str], source: str | None = None) -> Scheme:
    """The scheme of this name, for programs that are told it by their configuration.

    Args:
        name: `"standard-webhooks"`.
        secrets: The current one first; see the scheme.
        source: What `Message.source` says of verified messages.

    Raises:
        LocalProtocolError: There is no scheme of this name, or it cannot use these secrets.
    """
    if name not in _SCHEMES:
        msg = f"a scheme is one of {', '.join(sorted(_SCHEMES))}; got {name!r}"
        raise LocalProtocolError(msg)
    if isinstance(secrets, str) or not secrets:
        msg = f"the scheme {name!r} needs a list of secrets, got {'one' if secrets else 'none'}"
        raise LocalProtocolError(msg)
    return _SCHEMES[name](*secrets, source=source)
