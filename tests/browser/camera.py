"""What can be told of a page without eyes, in two sizes; and with TWOFOLD_PICTURES=1 pictures of it, in two themes."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, ViewportSize

WIDE: ViewportSize = {"width": 1440, "height": 900}
NARROW: ViewportSize = {"width": 390, "height": 844}
SIZES = {"wide": WIDE, "narrow": NARROW}
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

FACTS = Path(__file__).with_name("facts.js").read_text(encoding="utf-8")
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(slots=True, kw_only=True)
class Camera:
    """`problems` holds what is wrong, by the name of the page that was taken."""

    folder: Path
    has_film: bool
    problems: dict[str, list[str]] = field(default_factory=dict)

    def take(self, page: Page, name: str) -> list[str]:
        """Looks at the page as it is; gives what is wrong with it. The page is wide and light afterwards."""
        page.wait_for_load_state()
        found: dict[str, None] = {}
        for size, viewport in SIZES.items():
            page.set_viewport_size(viewport)
            found |= dict.fromkeys(problems_of(page))
            for theme in THEMES if self.has_film else ():
                page.emulate_media(color_scheme=theme)
                shoot(page, self.folder / f"{name}-{size}-{theme}.png")
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")
        self.problems[name] = list(found)
        return self.problems[name]


def problems_of(page: Page) -> list[str]:
    found = [f"{what}: {one}" for what, each in page.evaluate(FACTS).items() for one in each]
    beyond = page.evaluate(OVERFLOW)
    return [*found, f"scrolls sideways by {beyond} px"] if beyond else found


def shoot(page: Page, path: Path) -> None:
    """The whole page from its top; of a page with a dialog what can be seen, as the rest is shaded."""
    page.evaluate("scrollTo(0, 0)")
    has_dialog = page.locator("dialog[open]").count() > 0
    page.screenshot(path=path, full_page=not has_dialog, animations="disabled")
