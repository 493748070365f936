"""Annotations of ELAN (.eaf)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...core.errors import UserError
from ...core.xml_files import parse_xml
from .entries import Script
from .textgrid import Tiers, tier_script

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


def eaf_script(text: str, path: Path) -> Script:
    """The annotations of the tier of words. Raises UserError."""
    root = parse_xml(text, path, what="ELAN file")
    if root.tag != "ANNOTATION_DOCUMENT":
        raise UserError(f"{path} is no ELAN file; its XML begins with <{root.tag[:40]}>, give a transcript")
    header = root.find("HEADER")
    unit = "milliseconds" if header is None else header.get("TIME_UNITS", "milliseconds")
    if unit != "milliseconds":
        raise UserError(f"{path} counts time in {unit[:30]!r}; save it in milliseconds")
    slots = _slots(root, path)
    spans: dict[str, tuple[float, float]] = {}
    tiers: Tiers = {}
    for tier in root.iter("TIER"):
        rows = _rows(tier, slots, spans, path)
        name = tier.get("TIER_ID", "")
        while name in tiers:
            name += "'"
        if rows:
            tiers[name] = sorted(rows, key=lambda row: row[0])
    if not tiers:
        raise UserError(f"{path} has no annotation with times; give an ELAN file with a tier of words")
    return tier_script(tiers, "annotation")


def _slots(root: Element, path: Path) -> dict[str, float]:
    """Seconds of the time slots; those without a value lie evenly between their neighbours."""
    names, values = [], []
    for slot in root.iter("TIME_SLOT"):
        names.append(slot.get("TIME_SLOT_ID", ""))
        value = slot.get("TIME_VALUE")
        try:
            values.append(None if value is None else float(value) / 1000)
        except ValueError:
            raise UserError(f"{path} has the time {value[:30]!r}; times must be milliseconds") from None  # type: ignore[index]
    known = [at for at, value in enumerate(values) if value is not None]
    if not known:
        return {}
    times = np.interp(np.arange(len(values)), known, [values[at] or 0.0 for at in known])
    return dict(zip(names, times.tolist(), strict=True))


def _rows(
    tier: Element, slots: dict[str, float], spans: dict[str, tuple[float, float]], path: Path
) -> list[tuple[float, float, str]]:
    """Annotations of a tier; those that refer to one of another tier share its time."""
    rows = []
    for found in tier.iter("ALIGNABLE_ANNOTATION"):
        try:
            span = (slots[found.get("TIME_SLOT_REF1", "")], slots[found.get("TIME_SLOT_REF2", "")])
        except KeyError as error:
            raise UserError(
                f"{path} has no time slot {str(error)[:40]}, which an annotation names; save it again"
            ) from None
        spans[found.get("ANNOTATION_ID", "")] = span
        rows.append((*span, found.findtext("ANNOTATION_VALUE") or ""))
    children: dict[str, list[Element]] = {}
    for found in tier.iter("REF_ANNOTATION"):
        children.setdefault(found.get("ANNOTATION_REF", ""), []).append(found)
    for parent, those in children.items():
        if parent not in spans:
            continue
        start, end = spans[parent]
        step = (end - start) / len(those)
        for at, found in enumerate(those):
            span = (start + at * step, start + (at + 1) * step)
            spans[found.get("ANNOTATION_ID", "")] = span
            rows.append((*span, found.findtext("ANNOTATION_VALUE") or ""))
    return rows
