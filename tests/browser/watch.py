"""What goes wrong in the browser while a person uses it."""

from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, Response, WebError

CUT_OFF = "net::ERR_ABORTED"  # a refresh that was under way when the person went to another page
TELL_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`refused by policy: ${event.violatedDirective} ${event.blockedURI}`));
"""


@dataclass(kw_only=True)  # no slots: Playwright notes on the object which of its methods it calls
class Watch:
    """Errors of scripts and of the console, content that the security policy refused, requests that failed."""

    problems: list[str] = field(default_factory=list)

    def over(self, context: BrowserContext) -> None:
        context.add_init_script(TELL_VIOLATIONS)
        context.on("console", self.hear)
        context.on("weberror", self.note_script)
        context.on("requestfailed", self.note_failure)
        context.on("response", self.note_refusal)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type} in the console: {message.text} ({message.location.get('url')})")

    def note_script(self, error: WebError) -> None:
        self.problems.append(f"script failed: {error.error}")

    def note_failure(self, request: Request) -> None:
        if request.failure != CUT_OFF:
            self.problems.append(f"request failed: {request.method} {request.url}: {request.failure}")

    def note_refusal(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status} at {response.url}")
