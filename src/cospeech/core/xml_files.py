"""XML files of others, read without what XML can do beyond elements: no document types, entities or other files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import UserError

if TYPE_CHECKING:
    from xml.etree import ElementTree

DEEPEST = 200  # elements within elements
_TYPE = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def parse_xml(text: str, path: Path, *, what: str) -> ElementTree.Element:
    """The root element of an XML text.

    Args:
        what: how the file is called in messages: "ELAN file".
    Raises:
        UserError: it is no XML, declares a document type or entities, or nests deeper than ``DEEPEST``.
    """
    if _TYPE.search(text):
        raise UserError(
            f"{path} declares a document type or entities, which are not read; save the {what} without them"
        )
    from xml.etree import ElementTree  # 10 ms, which others need not wait for

    parser: Any = ElementTree.XMLPullParser(events=("start", "end"))
    depth = 0
    root: ElementTree.Element | None = None
    try:
        for at in range(0, len(text), 1 << 16):
            parser.feed(text[at : at + (1 << 16)])
            for event, element in parser.read_events():
                root = element if root is None else root
                depth += 1 if event == "start" else -1
                if depth > DEEPEST:
                    raise UserError(f"{path} nests elements deeper than {DEEPEST}; it is no {what}")
        parser.close()
    except (ElementTree.ParseError, ValueError) as error:
        raise UserError(
            f"{path} is no {what} that can be read ({' '.join(str(error).split())}); save it again"
        ) from None
    if root is None:
        raise UserError(f"{path} is empty; give the {what}")
    return root
