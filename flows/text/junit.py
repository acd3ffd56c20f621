"""Verdicts on files as JUnit XML, which pipelines show: a test case per file, which fails where the file is refused.

Source: https://github.com/testmoapp/junitxml, the elements and attributes that readers have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from flows.errors import plain
from flows.model.findings import Verdict


def junit_of(suite: str, verdicts: Sequence[tuple[str, Verdict]]) -> ElementTree[Element]:
    """The document.

    Args:
        suite: the dataset's name.
        verdicts: each file's name, and the verdict on it.
    """
    failures = sum(not verdict.accepted for _, verdict in verdicts)
    counts = {"tests": str(len(verdicts)), "failures": str(failures), "errors": "0"}
    root = Element("testsuites", counts)
    cases = SubElement(root, "testsuite", {"name": plain(suite), **counts, "skipped": "0"})
    for name, verdict in verdicts:
        _add_case(cases, suite, name, verdict)
    indent(root)
    return ElementTree(root)


def _add_case(suite: Element, classname: str, name: str, verdict: Verdict) -> None:
    case = SubElement(suite, "testcase", {"classname": plain(classname), "name": plain(name)})
    found = "\n".join(finding.words for finding in verdict.findings)
    more = verdict.findings_count - len(verdict.findings)
    text = f"{found}\nand {more:,} more" if more > 0 else found
    if not verdict.accepted:
        rule = verdict.findings[0].rule if verdict.findings else "refused"
        SubElement(case, "failure", {"message": plain(verdict.reason), "type": plain(rule)}).text = text
    said = [text] if verdict.accepted and text else []
    said += [each.words for each in verdict.tolerated]
    if said:
        SubElement(case, "system-out").text = "\n".join(said)
