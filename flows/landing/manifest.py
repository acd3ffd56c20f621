"""Manifests: a JSON file beside a file that says how many rows it has, what its sha256 is, or both."""

from __future__ import annotations

import json
from typing import Any

from flows.landing.tree import find_signature
from flows.model.dataset import Dataset
from flows.model.files import Signature
from flows.model.finding_frame import shorten
from flows.model.findings import Finding

MAX_BYTES = 1 << 20
"""A manifest is two values; more than this is something else."""


def with_manifest(dataset: Dataset, root: bytes, path: bytes, signature: Signature) -> Signature:
    """The signature of a file and its manifest, which differs from the one before whenever either changed."""
    if dataset.completeness.manifest is None:
        return signature
    manifest = find_signature(root, path + dataset.completeness.manifest.encode())
    return signature if manifest is None else joined(signature, manifest)


def joined(signature: Signature, manifest: Signature) -> Signature:
    """One signature for a file and its manifest."""
    return signature._replace(ctime_ns=max(signature.ctime_ns, manifest.ctime_ns))


def manifest_findings(manifest: bytes, found: str, data_rows: int | None) -> list[Finding]:
    """What a manifest says otherwise than its file.

    Args:
        manifest: its bytes.
        found: the sha256 of the file's bytes, as hexadecimal digits.
        data_rows: the rows of the file; None where they could not be counted.
    """
    try:
        content = json.loads(manifest)
        rows, digest = _values(content)
    except (ValueError, RecursionError):
        raw = shorten(manifest[:1000].decode("utf-8", "backslashreplace"))
        return [Finding("manifest", raw=raw, expected='a manifest such as {"rows": 7, "sha256": "…"}, either or both')]
    findings = []
    if rows is not None and data_rows is not None and rows != data_rows:
        findings.append(
            Finding("manifest", raw=f"{data_rows} rows", expected=f"{shorten(str(rows))} rows, as the manifest says")
        )
    if digest is not None and digest.lower() != found:
        findings.append(Finding("manifest", raw=f"sha256 {found}", expected=f"{shorten(digest)}, as the manifest says"))
    return findings


def _values(content: Any) -> tuple[int | None, str | None]:
    """Rows and sha256, at least one of them."""
    rows, digest = (content.get("rows"), content.get("sha256")) if isinstance(content, dict) else (None, None)
    sound = (rows is None or type(rows) is int) and (digest is None or isinstance(digest, str))
    if not sound or (rows is None and digest is None):
        raise ValueError(content)
    return rows, digest
