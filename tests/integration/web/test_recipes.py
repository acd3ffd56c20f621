"""The recipes for other programs in the documents: each asks what it says there, and gets what it can read."""

from __future__ import annotations

import io
import json
import re
from datetime import date
from typing import Any

import httpx
import polars as pl
import pyarrow.parquet as pq
from python_calamine import CalamineWorkbook

from tests.documents import ASKING, Block, blocks
from tests.integration.web.running_session import Session

HOST = "http://127.0.0.1:8080"
SUMS = {date(2021, 5, 1): 10, date(2021, 5, 2): 7}


def recipes(language: str) -> list[Block]:
    """The blocks that ask the address of the documents."""
    found = [block for block in blocks(ASKING, language) if HOST in block.text]
    assert found, f"there is no recipe in {language}"
    return found


def urls(session: Session, text: str) -> list[str]:
    return [session.url + path for path in re.findall(rf"{HOST}([^\"')\s]+)", text)]


def test_python_reads_the_sums(session: Session) -> None:
    for block in recipes("python"):
        names: dict[str, Any] = {}
        exec(compile(block.text.replace(HOST, session.url), f"README, line {block.line}", "exec"), names)
        sums = names["sums"]
        table = sums.pl() if hasattr(sums, "pl") else pl.DataFrame(sums)
        days = table["Date"].cast(pl.Date).to_list()
        assert dict(zip(days, table["Quantity.SUM"].to_list(), strict=True)) == SUMS, block.text


def test_excel_gets_the_sheet_that_it_opens(session: Session) -> None:
    (block,) = recipes("powerquery")
    path, query = re.findall(r'RelativePath = "([^"]+)",\s+Query = \[(.*?)\]\s', block.text, re.DOTALL)[0]
    asked = [
        (name, value)
        for name, values in re.findall(r"(\w+) = (\{[^}]*\}|\"[^\"]*\")", query)
        for value in re.findall(r'"([^"]*)"', values)
    ]
    assert ("by", "Date") in asked and ("by", "Product") in asked
    headers = {"User-Agent": "Microsoft.Data.Mashup", "Accept-Encoding": "gzip, deflate"}
    answer = httpx.get(f"{session.url}/{path}", params=asked, headers=headers, trust_env=False)
    (sheet,) = re.findall(r'Item = "(\w+)"', block.text)
    rows = CalamineWorkbook.from_object(io.BytesIO(answer.content)).get_sheet_by_name(sheet).to_python()
    assert rows[0] == ["Date", "Product", "Quantity.SUM"] and [row[0] for row in rows[1:]] == list(SUMS)


def test_a_database_that_asks_for_the_head_first_reads_the_parquet_file(session: Session) -> None:
    (url,) = urls(session, recipes("sql")[0].text)
    head = httpx.head(url, trust_env=False)
    assert head.status_code == 200 and "content-length" not in head.headers and not head.content
    answer = httpx.get(url, headers={"Range": "bytes=0-"}, trust_env=False)
    assert answer.status_code == 200 and pq.read_table(io.BytesIO(answer.content)).num_rows == 2


def test_curl_gets_the_file_once_while_nothing_changes(session: Session) -> None:
    first, second = urls(session, recipes("sh")[0].text)
    answer = httpx.get(first, trust_env=False)
    assert answer.text == "Date,Quantity.SUM\n2021-05-01,10\n2021-05-02,7\n"
    again = httpx.get(second, headers={"If-None-Match": answer.headers["ETag"]}, trust_env=False)
    assert again.status_code == 304


def test_grafana_finds_the_rows_and_their_columns(session: Session) -> None:
    asked = json.loads(recipes("json")[0].text)
    (url,) = urls(session, asked["url"])
    rows = httpx.get(url, trust_env=False).json()[asked["root_selector"]]
    assert [[row[column["selector"]] for column in asked["columns"]] for row in rows] == [
        [day.isoformat(), number] for day, number in SUMS.items()
    ]


def test_r_reads_text_and_parquet(session: Session) -> None:
    text, parquet = urls(session, recipes("r")[0].text)
    assert httpx.get(text, trust_env=False).text.startswith("Date,Quantity.SUM\n")
    assert pq.read_table(io.BytesIO(httpx.get(parquet, trust_env=False).content))["Quantity.SUM"].to_pylist() == [10, 7]
