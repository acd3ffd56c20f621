"""Archives are unpacked into files, or refused as a whole."""

from __future__ import annotations

import stat
import struct
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from flows.datasets.sales import SALES
from flows.landing.names import MAX_DEPTH
from flows.landing.tree import find_signature
from flows.model.archives import Zip
from flows.model.dataset import Dataset
from flows.model.files import SettledFile
from flows.model.limits import Limits
from flows.reading.archive import DeliveryReader, unpack_archive
from flows.reading.decompression import FREE_BYTES, unpack
from flows.reading.file_reader import FileContent, read_file
from flows.reading.refusal import FileRefused
from flows.reading.zip_file import MAX_MEMBERS
from flows.validation.cost import TooCostly
from tests.zip_files import encrypted, zipped

SOUND = {"b.csv": b"b", "a.csv": b"a"}


def dataset(landing: Path, **options: object) -> Dataset:
    return replace(SALES, landing=landing, archives=Zip(), **options)  # type: ignore[arg-type]


def delivered(landing: Path, body: bytes, name: str = "export.zip") -> SettledFile:
    (landing / name).write_bytes(body)
    signature = find_signature(bytes(landing), name.encode())
    assert signature is not None
    return SettledFile(name.encode(), signature)


def read(declared: Dataset, body: bytes, name: str = "export.zip") -> FileContent:
    found = read_file(declared, delivered(Path(declared.landing), body, name))
    assert isinstance(found, FileContent)
    return found


def refusal(landing: Path, body: bytes, **options: object) -> FileRefused:
    declared = dataset(landing, **options)
    with pytest.raises(FileRefused) as refused:
        unpack_archive(declared, read(declared, body))
    return refused.value


def test_the_members_are_files_below_the_archive_in_the_order_of_their_names(tmp_path: Path) -> None:
    declared = dataset(tmp_path)
    body = zipped({**SOUND, "sub/c.csv": b"c", ".hidden/x.csv": b"x", "notes.txt": b"?", "~$a.csv": b"", "sub/": b""})
    found = unpack_archive(declared, read(declared, body))
    assert [(each.landed.path, each.body) for each in found.members] == [
        (b"export.zip/a.csv", b"a"),
        (b"export.zip/b.csv", b"b"),
        (b"export.zip/sub/c.csv", b"c"),
    ]
    assert found.left_out == (b"notes.txt",)
    assert {each.signature.mtime_ns for each in found.members} == {found.file.signature.mtime_ns}
    assert len({each.signature.inode for each in found.members}) == 3


def test_a_member_looks_the_same_in_an_archive_that_was_renamed_and_otherwise_in_a_copy(tmp_path: Path) -> None:
    declared = dataset(tmp_path)
    before = unpack_archive(declared, read(declared, zipped(SOUND))).members
    (tmp_path / "export.zip").rename(tmp_path / "other.zip")
    signature = find_signature(bytes(tmp_path), b"other.zip")
    assert signature is not None
    moved = read_file(declared, SettledFile(b"other.zip", signature))
    assert isinstance(moved, FileContent)
    after = unpack_archive(declared, moved).members
    assert [each.signature.inode for each in after] == [each.signature.inode for each in before]
    copy = unpack_archive(declared, read(declared, zipped(SOUND))).members
    assert {each.signature.inode for each in copy}.isdisjoint(each.signature.inode for each in before)


def test_names_are_read_as_they_were_written(tmp_path: Path) -> None:
    declared = dataset(tmp_path)
    plain = bytearray(zipped([(zipfile.ZipInfo("für.csv"), b"1"), (zipfile.ZipInfo("xx.csv"), b"2")], stored=True))
    utf8 = plain.replace(b"xx.csv", "ü.csv".encode())  # of a program that does not say that it is UTF-8
    found = unpack_archive(declared, read(declared, bytes(utf8)))
    assert [each.landed.path.decode() for each in found.members] == ["export.zip/für.csv", "export.zip/ü.csv"]
    dos = plain.replace(b"xx.csv", b"\x81x.csv")
    found = unpack_archive(declared, read(declared, bytes(dos)))
    assert [each.landed.path.decode() for each in found.members] == ["export.zip/für.csv", "export.zip/üx.csv"]


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize(
    ("body", "raw"),
    [
        (zipped({"../a.csv": b"a"}), "../a.csv"),
        (zipped({"x/../../a.csv": b"a"}), "x/../../a.csv"),
        (zipped({"..\\a.csv": b"a"}), "..\\a.csv"),
        (zipped({"/etc/a.csv": b"a"}), "/etc/a.csv"),
        (zipped({"C:/a.csv": b"a"}), "C:/a.csv"),
        (zipped({"./a.csv": b"a"}), "./a.csv"),
        (zipped({**SOUND, "more.zip": zipped(SOUND)}), "an archive in it: more.zip"),
        (zipped({**SOUND, "sub/more.zip": b""}), "an archive in it: sub/more.zip"),
        (zipped([(link("a.csv"), b"/etc/passwd")]), "no regular file: a.csv"),
        (zipped({"/".join(["d"] * (MAX_DEPTH + 1) + ["a.csv"]): b"a"}), f"{MAX_DEPTH + 1} directories deep"),
        (zipped({"a" * 1021 + ".csv": b"a"}), "a name of 1025 bytes"),
        (zipped({}), "no file in it"),
        (zipped({"notes.txt": b"", ".hidden.csv": b""}), "1 others, such as notes.txt"),
        (b"%PDF-1.7", "a PDF"),
        (b"ID,Date", "no archive"),
        (b"", "no archive"),
        (zipped(SOUND)[:-10], "not a zip file"),
        (zipped(SOUND).replace(b"PK\x03\x04", b"PK\x03\x05", 1), "not where the directory says"),
        (zipped(SOUND, stored=True).replace(b"a.csva", b"a.csvA"), "another checksum"),
    ],
)
def test_an_archive_that_is_none_or_leads_elsewhere_is_refused(tmp_path: Path, body: bytes, raw: str) -> None:
    refused = refusal(tmp_path, body)
    assert refused.finding.rule == "archive"
    assert raw in (refused.finding.raw or "")


def test_an_archive_with_a_password_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, encrypted(zipped(SOUND))).finding.rule == "encrypted"


def test_two_members_of_one_name_are_refused_also_where_neither_is_taken(tmp_path: Path) -> None:
    for name in ("a.csv", "notes.txt"):
        with warnings.catch_warnings(action="ignore"):  # Python warns of what is written here on purpose
            body = zipped([("b.csv", b"b"), (name, b"1"), (name, b"2")])
        assert refusal(tmp_path, body).finding.raw == f"two members of the name {name}"


def test_more_members_than_are_allowed_are_refused_before_they_are_looked_at(tmp_path: Path) -> None:
    body = zipped(SOUND)
    assert str(MAX_MEMBERS + 2) in (refusal(tmp_path, b"PK\x01\x02" * MAX_MEMBERS + body).finding.raw or "")


def test_members_that_are_larger_together_than_a_file_may_be_are_refused(tmp_path: Path) -> None:
    body = zipped({"a.csv": bytes(600), "b.csv": bytes(600)})
    assert refusal(tmp_path, body, limits=Limits(file_bytes=1000)).finding.rule == "size"


def test_members_that_hold_more_than_they_say_are_refused(tmp_path: Path) -> None:
    body = zipped({"a.csv": bytes(50_000)})
    small = body.replace(struct.pack("<L", 50_000), struct.pack("<L", 50))
    refused = refusal(tmp_path, small)
    assert refused.finding.raw == "a.csv is not as large as it says"


def test_a_bomb_is_refused_by_what_it_says_before_any_of_it_is_unpacked(tmp_path: Path) -> None:
    small = zipped({"a.csv": b"0" * 50_000})
    bomb = small.replace(struct.pack("<L", 50_000), struct.pack("<L", FREE_BYTES + 1))
    assert refusal(tmp_path, bomb).finding.rule == "ratio"


def test_an_archive_that_does_not_fit_into_memory_is_refused(tmp_path: Path) -> None:
    declared = dataset(tmp_path, limits=Limits(read_memory_bytes=1_000))
    with pytest.raises(TooCostly):
        unpack_archive(declared, read(declared, zipped({"a.csv": bytes(600)})))


def test_a_member_is_read_again_out_of_its_archive(tmp_path: Path) -> None:
    reader = DeliveryReader(dataset(tmp_path))
    archive = delivered(tmp_path, zipped(SOUND))
    found = reader.read(replace(archive, path=b"export.zip/a.csv"))
    assert isinstance(found, FileContent) and found.body == b"a"
    assert reader.read(replace(archive, path=b"export.zip/c.csv")) == "its archive has it no more"
    delivered(tmp_path, b"no archive", "broken.zip")
    assert "refused" in str(reader.read(replace(archive, path=b"broken.zip/c.csv")))
    assert reader.read(replace(archive, path=b"gone.zip/c.csv")) == "it is gone"
    delivered(tmp_path, b"text", "own.csv")
    own = reader.read(replace(archive, path=b"own.csv"))
    assert isinstance(own, FileContent) and own.body == b"text"


def test_an_archive_where_none_is_declared_is_refused_with_the_option_that_takes_it() -> None:
    with pytest.raises(FileRefused) as refused:
        unpack(zipped(SOUND), 1_000_000)
    assert "archives=Zip()" in (refused.value.finding.expected or "")


@pytest.mark.parametrize(
    ("path", "archive"),
    [
        (b"export.zip", None),
        (b"export.zip/a.csv", b"export.zip"),
        (b"day/export.zip/sub/a.csv", b"day/export.zip"),
        (b"day/a.csv", None),
        (b"export.ZIP/a.csv", None),
        (b"a.zip/b.zip/c.csv", b"a.zip"),
    ],
)
def test_a_path_below_the_name_of_an_archive_is_a_member_of_it(path: bytes, archive: bytes | None) -> None:
    declared = replace(SALES, archives=Zip())
    assert declared.archive_of(path) == archive
    assert replace(declared, archives=None).archive_of(path) is None
    assert declared.is_archive(b"day/export.zip") and not declared.is_archive(b"day/export.csv")
