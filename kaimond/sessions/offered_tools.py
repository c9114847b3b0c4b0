"""The tools that sessions offer now."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kaimond.gate.frames import FrameError
from kaimond.gate.tools import Offer, read_offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from kaimond.gate.frames import Message
    from kaimond.gate.link import Link

_log = logging.getLogger("kaimond.sessions")

_QUESTION = "tools"


class Offers:
    """What every session's gate has said that it offers.

    Attributes:
        on_change: called whenever it is something else.
    """

    def __init__(self) -> None:
        self._offers: dict[str, Offer] = {}
        self.on_change: Callable[[], None] = lambda: None

    def all(self) -> dict[str, Offer]:
        """Return the offers by session; only of those that offer anything."""
        return dict(self._offers)

    def of(self, key: str) -> Offer:
        """Return what one session offers."""
        return self._offers.get(key, Offer())

    def ask(self, link: Link) -> None:
        """Ask a gate that has just come: what it said before it came may be lost."""
        link.send(_QUESTION, "tools")

    def heard(self, key: str, message: Message) -> None:
        """Take in a message of a gate, if it is about tools."""
        if message.verb != "tools":
            return
        try:
            offer = read_offer(message.fields)
        except FrameError as error:
            _log.warning("its tools cannot be offered: %s", error, extra={"session": key})
            offer = Offer()
        self._set(key, offer)

    def ended(self, key: str) -> None:
        """A session has ended; it offers nothing any more."""
        self._set(key, Offer())

    def _set(self, key: str, offer: Offer) -> None:
        if offer == self._offers.get(key, Offer()) or (not offer.tools and key not in self._offers):
            return
        if offer.tools:
            self._offers[key] = offer
            names = ", ".join(tool.name for tool in offer.tools)
            _log.info("offers the tools %s", names, extra={"session": key})
        else:
            del self._offers[key]
            _log.info("offers no tools any more", extra={"session": key})
        self.on_change()
