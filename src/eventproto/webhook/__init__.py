"""Webhooks: signed messages, posted to whoever asked for them.

A scheme signs and verifies; it is all that an application with an HTTP stack of its own needs.
`Sender` and `Receiver` are machines that do the rest: attempts and answers, and the time for both.
"""

from eventproto._answer import Accept, Refuse
from eventproto.webhook._events import Delivered, Delivery, DeliveryFailed, Received, Rejected
from eventproto.webhook._limits import Limits
from eventproto.webhook._receiver import Receiver
from eventproto.webhook._sender import STANDARD_SCHEDULE, Sender
from eventproto.webhook.schemes import Scheme, StandardWebhooks, scheme

__all__ = [
    "STANDARD_SCHEDULE",
    "Accept",
    "Delivered",
    "Delivery",
    "DeliveryFailed",
    "Limits",
    "Received",
    "Receiver",
    "Refuse",
    "Rejected",
    "Scheme",
    "Sender",
    "StandardWebhooks",
    "scheme",
]
