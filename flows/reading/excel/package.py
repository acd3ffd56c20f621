"""A workbook as the zip archive that it is: nothing in it is unpacked before its size is known to be allowed.

Source: ECMA-376, Part 2 (packages) and Part 1, 18.2 (workbooks).
"""

from __future__ import annotations

import io
import posixpath
import zipfile
from dataclasses import dataclass
from functools import cached_property
from xml.etree import ElementTree

from flows.reading.decompression import check_size, name_binary
from flows.reading.refusal import FileRefused
from flows.reading.zip_file import ZipDamaged, ZipFile

_OLD = b"\xd0\xcf\x11\xe0"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_WORKBOOK, _RELATIONS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels"


@dataclass(frozen=True)
class Sheet:
    """A sheet of cells.

    Args:
        name: as people see it.
        member: where its cells are in the archive.
        visible: whether it is shown.
    """

    name: str
    member: str
    visible: bool


class Package:
    """An opened workbook.

    Args:
        body: the file.
        max_bytes: a workbook that unpacks to more is refused.

    Raises:
        FileRefused: it is no workbook, or none that may be read.
    """

    def __init__(self, body: bytes, max_bytes: int) -> None:
        check_size(len(body), max_bytes)
        _check_kind(body)
        try:
            self._zip = ZipFile(body)
        except ZipDamaged as error:
            raise damaged(str(error)) from None
        self._members = {member.filename: member for member in self._zip.members}
        self.size_bytes = self._zip.size_bytes
        _check_members(self._zip)
        check_size(self.size_bytes, max_bytes)
        if _WORKBOOK not in self._members:
            raise FileRefused("workbook", raw=", ".join(self._members), expected="a workbook (.xlsx)")

    @cached_property
    def sheets(self) -> tuple[Sheet, ...]:
        """The sheets that have cells, in their order.

        Raises:
            FileRefused: the workbook does not say which.
        """
        targets = {
            each.get("Id"): posixpath.normpath(posixpath.join("/xl", each.get("Target", ""))).lstrip("/")
            for each in self._elements(_RELATIONS, "Relationship")
            if each.get("Type", "").endswith("/worksheet")
        }
        found = []
        for each in self._elements(_WORKBOOK, "sheet"):
            relation = next((value for name, value in each.items() if name.endswith("}id")), None)
            if relation in targets:
                found.append(Sheet(each.get("name", ""), targets[relation], each.get("state", "visible") == "visible"))
        return tuple(found)

    def read(self, name: str) -> bytes:
        """A member, no more of which is unpacked than it says to have.

        Raises:
            FileRefused: it is not there, or larger than that, or damaged.
        """
        member = self._members.get(name)
        if member is None:
            raise damaged(f"{name} is missing")
        try:
            return self._zip.read(member)
        except ZipDamaged as error:
            raise damaged(str(error)) from None

    def unpacked(self, sheet: Sheet, xml: bytes) -> io.BytesIO:
        """The same workbook with one sheet alone and nothing in it packed: what a reader gets is what was looked at,
        and it is not unpacked twice.

        Args:
            sheet: the one that stays.
            xml: what was read of it.

        Raises:
            FileRefused: a member is damaged.
        """
        others = {each.member for each in self.sheets}
        to = io.BytesIO()
        with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(sheet.member), xml)
            for name in self._members.keys() - others:
                archive.writestr(zipfile.ZipInfo(name), self.read(name))
        to.seek(0)
        return to

    def _elements(self, name: str, tag: str) -> list[ElementTree.Element]:
        try:
            root = ElementTree.fromstring(self.read(name))
        except ElementTree.ParseError as error:
            raise damaged(f"{name}: {error}") from None
        return [each for each in root.iter() if each.tag.rpartition("}")[2] == tag]


def _check_kind(body: bytes) -> None:
    if body.startswith(_OLD):
        if _ENCRYPTED in body:
            raise FileRefused("encrypted", raw="a workbook with a password", expected="one without; save it anew")
        raise FileRefused("binary", raw="an old workbook (.xls)", expected="a workbook (.xlsx); save it as one")
    if not body.startswith(b"PK"):
        raise FileRefused("binary", raw=name_binary(body) or repr(body[:8]), expected="a workbook (.xlsx)")


def _check_members(archive: ZipFile) -> None:
    names = {member.filename for member in archive.members}
    if len(names) < len(archive.members):
        raise damaged(f"{len(archive.members)} parts of {len(names)} names")
    if archive.is_encrypted:
        raise FileRefused("encrypted", raw="parts with a password", expected="a workbook without; save it anew")
    if any(name.endswith("vbaProject.bin") for name in names):
        expected = "a workbook without; save it as .xlsx"
        raise FileRefused("macros", raw="a workbook with macros (.xlsm)", expected=expected)
    if "xl/workbook.bin" in names:
        raise FileRefused("binary", raw="a binary workbook (.xlsb)", expected="a workbook (.xlsx); save it as one")
    if not archive.is_deflated:
        raise damaged("parts in another compression than deflate")


def damaged(raw: str) -> FileRefused:
    """The refusal of a workbook that is not whole, or not sound."""
    return FileRefused("workbook", raw=raw, expected="a whole workbook (.xlsx); open it and save it anew")
