"""How paths and values look in an issue: one line, printable, short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final

MAX_SHOWN: Final = 60
MAX_KEY: Final = 80
MAX_LISTED: Final = 20


def one_line(text: str, limit: int = 1000) -> str:
    """Escape what does not print, line ends included, and shorten.

    Args:
        text: Any text.
        limit: Longest text to return [characters].

    Returns:
        The text itself if it is short and prints on one line.
    """
    text = text[: limit + 1]
    printable = text if text.isprintable() else repr(text)[1:-1]
    return printable if len(printable) <= limit else printable[: limit - 3] + "..."


def dotted(path: str, *keys: str | int) -> str:
    """Extend a path.

    Args:
        path: Dotted path; empty for the top.
        *keys: Keys and list indices from there on.

    Returns:
        The dotted path, printable, each key of at most 80 characters.
    """
    names = [one_line(str(key), MAX_KEY) or "''" for key in keys]
    return ".".join([path, *names] if path else names)


def shown(value: Any) -> str:
    """Show a value as its author may have written it.

    Args:
        value: A value read from YAML.

    Returns:
        One line of at most 60 characters.
    """
    text = ""
    for piece in _pieces(value):
        text += piece
        if len(text) > MAX_SHOWN:
            break
    return one_line(text, MAX_SHOWN)


def _pieces(value: Any) -> Iterator[str]:
    """Write a value bit by bit, so that nobody waits for the end of a long one."""
    if isinstance(value, list):
        yield "["
        for index, item in enumerate(value):
            yield ", " if index else ""
            yield from _pieces(item)
        yield "]"
    elif isinstance(value, dict):
        yield "{"
        for index, (key, item) in enumerate(value.items()):
            yield f"{', ' if index else ''}{key!r}: "
            yield from _pieces(item)
        yield "}"
    elif value is None or isinstance(value, bool):
        yield {None: "null", True: "true", False: "false"}[value]
    else:
        yield repr(value[: MAX_SHOWN + 1] if isinstance(value, str) else value)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Say which known name may have been meant.

    Args:
        name: The name that was given.
        known: The names that exist.

    Returns:
        E.g. `did you mean 'chargers'? (known: bus, chargers, name)`; only the known names, 20 at most, if none
        is near.
    """
    names = sorted(known)
    folded = {known_name.casefold(): known_name for known_name in names}
    near = [folded[match] for match in get_close_matches(name[:MAX_KEY].casefold(), folded, n=1)]
    listing = ", ".join(one_line(known_name, MAX_SHOWN) for known_name in names[:MAX_LISTED]) or "none"
    if len(names) > MAX_LISTED:
        listing += ", ..."
    return f"did you mean {shown(near[0])}? (known: {listing})" if near else f"known: {listing}"
