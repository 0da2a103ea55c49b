"""Reads and batches against one OData service, with its kind's errors raised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import polars as pl

from syncengine.connectors.batch import Part, PartAnswer, in_request_order, read_batch, write_batch
from syncengine.connectors.http import Answer, HttpClient
from syncengine.connectors.odata import Page, RowShape, empty_rows, read_page
from syncengine.errors import PermanentError, SyncError

UNRESERVED = "$=()'[]{},:;@/!*?~"  # both services read these as they are; the rest is percent-encoded


class ErrorOf(Protocol):
    """The error of a call that is not the write of a row."""

    def __call__(self, status: int, body: bytes, *, name: str, correlation: str = "") -> SyncError: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One environment as its kind speaks.

    `page` is what every list read prefers; `batch_calls` how many calls one batch takes; `goes_on` the preference that
    lets a batch go on behind a failed call, "" where it does so by itself.
    """

    client: HttpClient
    error_of: ErrorOf
    page: str
    batch_calls: int
    goes_on: str = ""
    in_change_sets: bool = False

    @property
    def name(self) -> str:
        return self.client.name

    def get(self, url: str, *, prefer: str = "") -> Answer:
        """Raises: the error of a refused read."""
        return self.checked(self.client.get(url, prefer=prefer))

    def checked(self, answer: Answer) -> Answer:
        if answer.status >= 400:
            raise self.error_of(answer.status, answer.body, name=self.name, correlation=answer.correlation)
        return answer

    def pages(self, url: str, shape: RowShape) -> Iterator[Page]:
        """The pages from this address on. Raises: PermanentError for a page that leads to itself."""
        following: str | None = url
        while following is not None:
            page = read_page(self.get(following, prefer=self.page).body, shape)
            self.check_link(following, page.next_link)
            yield page
            following = page.next_link

    def check_link(self, url: str, following: str | None) -> None:
        if following is not None and following == url:
            raise PermanentError(f"{self.name} gave a page that leads to itself; reading was stopped.")

    def rows(self, urls: Sequence[str], shape: RowShape) -> pl.DataFrame:
        """The rows of many list reads, made in one batch."""
        frames = [empty_rows(shape.table, shape.columns)]
        for body in self.get_all(urls, prefer=self.page):
            page = read_page(body, shape)
            frames.append(page.rows)
            if page.next_link is not None:
                frames += [further.rows for further in self.pages(page.next_link, shape)]
        return pl.concat(frames)

    def get_all(self, urls: Sequence[str], *, prefer: str = "") -> list[bytes]:
        """The bodies of many reads, in their order, in as few calls as there may be.

        Raises: the error of the first read that was refused.
        """
        headers = {"Accept": "application/json", **({"Prefer": prefer} if prefer else {})}
        bodies = []
        for start in range(0, len(urls), self.batch_calls):
            wanted = urls[start : start + self.batch_calls]
            parts = [Part(method="GET", url=self.client.root + url, headers=headers) for url in wanted]
            bodies += [self._body(answer) for answer in self.call_batch(parts, only_reads=True)]
        return bodies

    def call_batch(self, parts: Sequence[Part], *, only_reads: bool = False) -> list[PartAnswer | None]:
        """The answer to each part, each done or refused by itself; None where no answer came.

        Raises: the error of the batch as a whole.
        """
        content_type, body = write_batch(parts, in_change_sets=self.in_change_sets)
        headers = {"Content-Type": content_type, **({"Prefer": self.goes_on} if self.goes_on else {})}
        answer = self.client.send("POST", "$batch", content=body, headers=headers, only_reads=only_reads)
        if answer.status == 413 and len(parts) > 1:
            half = len(parts) // 2
            first = self.call_batch(parts[:half], only_reads=only_reads)
            return first + self.call_batch(parts[half:], only_reads=only_reads)
        answered_as = answer.headers.get("content-type", "")
        if not answered_as.lower().startswith("multipart/"):
            self.checked(answer)
        # A batch that stopped at its first failure answers 400, multipart all the same.
        return in_request_order(read_batch(answered_as, answer.body), len(parts))

    def _body(self, answer: PartAnswer | None) -> bytes:
        if answer is None:
            raise self.error_of(500, b"", name=self.name)
        if answer.status >= 400:
            raise self.error_of(answer.status, answer.body, name=self.name)
        return answer.body


def address(resource: str, options: dict[str, str]) -> str:
    """A resource with its query options; those without a value are left out."""
    text = "&".join(f"{name}={quote(value, safe=UNRESERVED)}" for name, value in options.items() if value)
    return f"{resource}?{text}" if text else resource
