"""Styles and scripts: the project's own, which the portal has too, and the few of these pages."""

import hashlib
from functools import lru_cache
from pathlib import Path

from syncengine.sandbox.calls import Answer

ROOT = "static"
FOLDERS = (Path(__file__).parent / "static", Path(__file__).resolve().parents[3] / "static")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def answer(parts: list[str], known: str) -> Answer:
    """The file below one of the folders. `known` is the version that the browser has."""
    found = _read("/".join(parts))
    if found is None:
        return Answer(status=404, headers={"Content-Type": "text/plain"}, body=b"Not found")
    content, etag, kind = found
    headers = {"ETag": etag, "Content-Type": kind, "Cache-Control": "max-age=300"}
    return Answer(status=304, headers=headers) if known == etag else Answer(status=200, headers=headers, body=content)


@lru_cache(maxsize=100)
def _read(name: str) -> tuple[bytes, str, str] | None:
    for folder in FOLDERS:
        path = _file(folder, name)
        if path is not None:
            content = path.read_bytes()
            return content, f'"{hashlib.sha256(content).hexdigest()[:16]}"', TYPES[path.suffix]
    return None


def _file(folder: Path, name: str) -> Path | None:
    """The file of this name, which lies within the folder; None where there is none."""
    try:
        path = (folder / name).resolve()
        is_ours = path.suffix in TYPES and path.is_relative_to(folder) and path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return None
    return path if is_ours else None
