"""The report of ``ami test`` as CI systems read it: JUnit's XML, one case for each region, boot and validation.

The format has no specification; written is what https://github.com/testmoapp/junitxml describes as common.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cws_build.model.availability import Availability, RegionAnswer
    from cws_build.model.booting import Boot

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2), such as the escape sequences of a program that paints its output."""


def junit(found: Availability, at: str) -> str:
    """Return the report.

    Args:
        found: All answers.
        at: When, ISO 8601 UTC.
    """
    cases = [case for one in found.regions for case in _cases(one)]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "time": f"{found.seconds:.3f}",
    }
    root = ET.Element("testsuites", {"name": "cws-build ami test", **counts})
    name = f"{found.template} {found.architecture}".strip()
    suite = ET.SubElement(root, "testsuite", {"name": _clean(name), "timestamp": at, **counts})
    suite.extend(cases)
    for case in cases:
        case.set("classname", _clean(found.template))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _cases(one: RegionAnswer) -> Iterator[ET.Element]:
    case = _case(one.region, 0.0)
    if one.error:
        _put(case, "error", one.error.message, one.error.code, one.error.hint)
    else:
        ET.SubElement(case, "system-out").text = _clean(f"{one.status}: {one.ami.id if one.ami else one.reason}")
    yield case
    if one.boot_error:
        case = _case(f"{one.region}: boot", 0.0)
        _put(case, "error", one.boot_error.message, one.boot_error.code, one.boot_error.hint)
        yield case
    if one.boot:
        yield from _of_boot(one.region, one.boot)


def _of_boot(region: str, boot: Boot) -> Iterator[ET.Element]:
    case = _case(f"{region}: boot", boot.ready_seconds or boot.seconds.get("total", 0.0))
    if boot.ready_seconds is None:
        _put(case, "failure", boot.error, boot.failed, boot.output)
    yield case
    for step in boot.validation:
        case = _case(f"{region}: {step.name}", step.seconds)
        if not step.ok:
            _put(case, "failure", step.reason, "validation", step.output)
        yield case


def _case(name: str, seconds: float) -> ET.Element:
    return ET.Element("testcase", {"name": _clean(name), "time": f"{seconds:.3f}"})


def _put(case: ET.Element, kind: str, message: str, code: str, text: str) -> None:
    ET.SubElement(case, kind, {"message": _clean(message), "type": _clean(code)}).text = _clean(text)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
