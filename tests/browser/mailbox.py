"""A mail server for one test: it takes every mail and keeps it."""

import socket
from asyncio import AbstractServer
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

HOST = "127.0.0.1"


@dataclass(slots=True, kw_only=True)
class Mailbox:
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the server's name
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(message_from_bytes(content, _class=EmailMessage, policy=policy.default))
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """The mails for one address, in the order in which they came."""
        return [mail for mail in self.mails if mail["To"] == address]


class Server(Controller):
    """A server on a socket that is bound already, so that its port cannot be taken meanwhile."""

    def __init__(self, mailbox: Mailbox, door: socket.socket) -> None:
        super().__init__(mailbox, hostname=HOST, port=door.getsockname()[1])
        self.door = door

    def _create_server(self) -> Awaitable[AbstractServer]:
        return self.loop.create_server(self._factory_invoker, sock=self.door)


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    with socket.create_server((HOST, 0)) as door:
        mailbox = Mailbox(port=door.getsockname()[1])
        server = Server(mailbox, door)
        server.start()
        try:
            yield mailbox
        finally:
            server.stop()
