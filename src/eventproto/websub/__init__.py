"""WebSub: publishers, hubs that distribute what they publish, and subscribers.

A subscriber finds the hub of a resource in its links, and asks it for the resource's topic. The
hub makes sure with the subscriber's callback that it did ask (verification of intent), and from
then on, for the time of a lease, posts to the callback whatever the publisher has published,
signed with a secret of the subscription.

`discover`, `sign` and `verify_signature` are for applications with a stack of their own::

    found = websub.discover(response, url="https://blog.example/")
    found.hubs, found.topic  # ("https://hub.example/",), "https://blog.example/feed"

    websub.verify_signature(headers.get("X-Hub-Signature"), body, secret)  # True or False

`subscription_request` and `publish_request` write what a hub is asked, and `parse_hub_request`
reads it. The three roles are machines whose wire carries calls::

    publisher = Publisher("https://blog.example/feed", ["https://hub.example/"])
    hub = Hub("https://hub.example/")
    subscriber = Subscriber("https://reader.example/callbacks/")

    subscriber.send(Subscribe("https://blog.example/feed"), now)  # SubscriptionVerified
    publisher.send(Message.of_text("news"), now)  # Published, Delivered, ContentReceived

Where the specification leaves a choice, this package has decided:

- Content waits for the application: `Accept` tells the hub that it has arrived, and an
  application that says nothing in time has not got it, so the hub is told to try again.
- Renewals keep callback and secret, so that what is on its way stays verifiable, and start with
  discovery, so that a topic that moves is followed.
- A secret does not go over http unless `insecure` is set; a wrong signature is answered with 403
  unless another status is asked for; a subscription that was denied after it was verified goes
  on until its lease ends, since a denial is signed by nobody.
- Publish requests name the topic as `hub.url` and as `hub.topic`, and hubs take either.
- URLs with a user or a fragment are refused; those that are discovered lose the fragment.

The specification is the W3C Recommendation of 23 January 2018, whose sections are cited.
"""

from eventproto._answer import Accept, Refuse
from eventproto.websub._commands import Subscribe, Unsubscribe
from eventproto.websub._discovery import Discovery, discover
from eventproto.websub._events import (
    ContentReceived,
    ContentRejected,
    Delivered,
    DeliveryFailed,
    FetchFailed,
    Published,
    PublishFailed,
    Subscribed,
    SubscriptionDenied,
    SubscriptionEnded,
    SubscriptionExpired,
    SubscriptionFailed,
    SubscriptionVerified,
    Unsubscribed,
    VerificationFailed,
)
from eventproto.websub._hub import DELIVERY_SCHEDULE, Hub
from eventproto.websub._limits import Limits
from eventproto.websub._publisher import PING_SCHEDULE, Publisher
from eventproto.websub._requests import (
    Mode,
    PublishRequest,
    SubscriptionRequest,
    parse_hub_request,
    publish_request,
    subscription_request,
)
from eventproto.websub._signature import METHODS, Method, sign, verify_signature
from eventproto.websub._subscriber import Subscriber

__all__ = [
    "DELIVERY_SCHEDULE",
    "METHODS",
    "PING_SCHEDULE",
    "Accept",
    "ContentReceived",
    "ContentRejected",
    "Delivered",
    "DeliveryFailed",
    "Discovery",
    "FetchFailed",
    "Hub",
    "Limits",
    "Method",
    "Mode",
    "PublishFailed",
    "PublishRequest",
    "Published",
    "Publisher",
    "Refuse",
    "Subscribe",
    "Subscribed",
    "Subscriber",
    "SubscriptionDenied",
    "SubscriptionEnded",
    "SubscriptionExpired",
    "SubscriptionFailed",
    "SubscriptionRequest",
    "SubscriptionVerified",
    "Unsubscribe",
    "Unsubscribed",
    "VerificationFailed",
    "discover",
    "parse_hub_request",
    "publish_request",
    "sign",
    "subscription_request",
    "verify_signature",
]
