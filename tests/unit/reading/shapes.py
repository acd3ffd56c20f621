"""Small files as published programs, offices and banks write them, each with the declaration that takes it.

Every text is written here after the description of its format, with values that are made up; nothing is copied.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import dataframely as dy

from flows.model.formats import Cells, Csv
from flows.model.header import Header
from flows.model.numbers import Numbers
from flows.model.trailer import Trailer

BY_NAME = Header(by="name")
GERMAN = Csv(delimiter=";", decimal=",", date_format="%d.%m.%Y", encoding="cp1252")
MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Shape:
    """One file.

    Args:
        name: what writes such files.
        source: where the format is described.
        text: what stands in it.
        columns: name → type, with a `?` where it may be null.
        form: how it is declared.
        rows: what is loaded.
        refused: the rule of the finding that refuses all of it; empty where it is taken.
        encoding: in which it lies on the disk.
        mark: the byte order mark in front.
    """

    name: str
    source: str
    text: str
    columns: Mapping[str, str]
    form: Csv = field(default_factory=Csv)
    rows: Sequence[tuple[object, ...]] = ()
    refused: str = ""
    encoding: str = "utf-8"
    mark: bytes = b""

    @property
    def body(self) -> bytes:
        return self.mark + self.text.encode(self.encoding)

    @property
    def schema(self) -> type[dy.Schema]:
        return type("Shape", (dy.Schema,), {name: _column(kind) for name, kind in self.columns.items()})


def D(text: str) -> Decimal:  # noqa: N802 - as a literal
    return Decimal(text)


def d(text: str) -> date:
    return date.fromisoformat(text)


def t(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _column(kind: str) -> dy.Column:
    nullable, name = kind.endswith("?"), kind.rstrip("?")
    declared: dict[str, Any] = {
        "text": dy.String, "int": dy.Int64, "float": dy.Float64, "bool": dy.Bool, "day": dy.Date, "moment": dy.Datetime,
    }  # fmt: skip
    if name.startswith("money"):
        return dy.Decimal(18, int(name.removeprefix("money") or 2), nullable=nullable)
    column: dy.Column = declared[name](nullable=nullable)
    return column


GOVERNMENT = (
    Shape(
        "World Bank: indicator download, four lines above the header, each line ends with a comma",
        "https://datahelpdesk.worldbank.org/knowledgebase/articles/906522",
        '"Data Source","Indicators",\n\n"Last Updated Date","2024-06-28",\n\n'
        '"Country Name","Code","2022","2023",\n"Aruba","ABW","1.5","",\n"Chad","TCD","2.25","3.5",\n',
        {"Country Name": "text", "Code": "text", "2022": "float?", "2023": "float?"},
        Csv(preamble="header", blank_lines="skip", trailing_delimiter=True),
        [("Aruba", "ABW", 1.5, None), ("Chad", "TCD", 2.25, 3.5)],
    ),
    Shape(
        "ISO 3166 list: NA is Namibia",
        "https://www.iso.org/iso-3166-country-codes.html",
        "Name,Code\nNamibia,NA\nNorway,NO\n",
        {"Name": "text", "Code": "text"},
        Csv(),
        [("Namibia", "NA"), ("Norway", "NO")],
    ),
    Shape(
        "FRED: a point where there is no value",
        "https://fred.stlouisfed.org/docs/api/fred/series_observations.html",
        "DATE,GDPC1\n2024-01-01,22679.255\n2024-04-01,.\n",
        {"DATE": "day", "GDPC1": "float?"},
        Csv(nulls=("", ".")),
        [(d("2024-01-01"), 22679.255), (d("2024-04-01"), None)],
    ),
    Shape(
        "DWD: semicolons, padded cells, -999 for nothing, eor at the end of rows",
        "https://opendata.dwd.de/climate_environment/CDC/help/",
        "STATIONS_ID;MESS_DATUM;QN_3;  TMK;eor\n   44;20240101;   10;   3.5;eor\n   44;20240102;   10;-999;eor\n",
        {"STATIONS_ID": "int", "MESS_DATUM": "day", "QN_3": "int", "TMK": "float?", "eor": "text"},
        Csv(delimiter=";", padding=True, date_format="%Y%m%d", nulls=("", "-999"), header=Header(strip=True)),
        [(44, d("2024-01-01"), 10, 3.5, "eor"), (44, d("2024-01-02"), 10, None, "eor")],
    ),
    Shape(
        "Destatis GENESIS: title above, a rule of underscores and the source below",
        "https://www-genesis.destatis.de/genesis/online",
        "Verbraucherpreise;\nDeutschland;\nJahr;Monat;Index\n2024;Januar;117,6\n2024;Februar;118,1\n"
        "__________\n© Statistisches Bundesamt, 2024\n",
        {"Jahr": "int", "Monat": "text", "Index": "float"},
        Csv(delimiter=";", decimal=",", encoding="cp1252", preamble="header", footer=("_+", "©.*")),
        [(2024, "Januar", 117.6), (2024, "Februar", 118.1)],
        encoding="cp1252",
    ),
    Shape(
        "SMARD: German numbers, a dash where there is none",
        "https://www.smard.de/home/downloadcenter/download-marktdaten/",
        "Datum;Uhrzeit;Biomasse [MWh]\n01.05.2024;00:00;4.512,5\n01.05.2024;00:15;-\n",
        {"Datum": "day", "Uhrzeit": "text", "Biomasse [MWh]": "float?"},
        Csv(delimiter=";", decimal=",", date_format="%d.%m.%Y", numbers=Numbers(thousands="."), nulls=("", "-")),
        [(d("2024-05-01"), "00:00", 4512.5), (d("2024-05-01"), "00:15", None)],
        mark=codecs.BOM_UTF8,
    ),
    Shape(
        "USGS RDB: comments, tabs, and a line of widths below the header",
        "https://waterservices.usgs.gov/docs/rdb-format/",
        "# U.S. Geological Survey\n#\nsite_no\tdatetime\tflow\n15s\t20d\t14n\n01646500\t2024-05-01\t11200\n",
        {"site_no": "text", "datetime": "text", "flow": "text"},
        Csv(delimiter="\t", comment="#"),
        [("15s", "20d", "14n"), ("01646500", "2024-05-01", "11200")],
    ),
    Shape(
        "USGS RDB with types: the line of widths is a finding",
        "https://waterservices.usgs.gov/docs/rdb-format/",
        "# U.S. Geological Survey\nsite_no\tday\tflow\n15s\t10d\t14n\n01646500\t2024-05-01\t11200\n",
        {"site_no": "text", "day": "day", "flow": "int"},
        Csv(delimiter="\t", comment="#"),
        refused="date",
    ),
    Shape(
        "Eurostat TSV: a colon where there is no value, padded",
        "https://ec.europa.eu/eurostat/web/user-guides/data-browser/api-data-access/api-detailed-guidelines/tsv-format",
        "geo\\TIME_PERIOD\t2022 \t2023 \nAT\t105.2 \t: \nBE\t99.8 \t101.4 \n",
        {"geo\\TIME_PERIOD": "text", "2022": "float?", "2023": "float?"},
        Csv(delimiter="\t", padding=True, nulls=("", ":"), header=Header(strip=True)),
        [("AT", 105.2, None), ("BE", 99.8, 101.4)],
    ),
    Shape(
        "HM Land Registry price paid data: all quoted, no header",
        "https://www.gov.uk/guidance/about-the-price-paid-data",
        '"{A1}","250000","2024-05-01 00:00","SW1A 1AA"\n"{B2}","310500","2024-05-02 00:00","M1 1AE"\n',
        {"id": "text", "price": "int", "sold": "moment", "postcode": "text"},
        Csv(header=None, datetime_format="%Y-%m-%d %H:%M"),
        [("{A1}", 250000, t("2024-05-01"), "SW1A 1AA"), ("{B2}", 310500, t("2024-05-02"), "M1 1AE")],
    ),
    Shape(
        "US Census: two headers, the second one is a finding in a typed column",
        "https://www.census.gov/data/developers/guidance/api-user-guide.html",
        "GEO_ID,NAME,B01001_001E\nGeography,Geographic Area Name,Estimate!!Total\n0400000US01,Alabama,5074296\n",
        {"GEO_ID": "text", "NAME": "text", "B01001_001E": "int"},
        Csv(),
        refused="integer",
    ),
    Shape(
        "INSEE: codes with a leading zero and 2A stay text",
        "https://www.insee.fr/fr/information/2008354",
        "CODGEO;LIBGEO;P21_POP\n01001;L'Abergement;800\n2A004;Ajaccio;72000\n",
        {"CODGEO": "text", "LIBGEO": "text", "P21_POP": "int"},
        Csv(delimiter=";"),
        [("01001", "L'Abergement", 800), ("2A004", "Ajaccio", 72000)],
    ),
    Shape(
        "BLS time series: tabs with padded cells",
        "https://download.bls.gov/pub/time.series/cu/cu.txt",
        "series_id        \tyear\tperiod\t       value\nCUSR0000SA0      \t2024\tM01\t     308.417\n",
        {"series_id": "text", "year": "int", "period": "text", "value": "float"},
        Csv(delimiter="\t", padding=True, header=Header(strip=True)),
        [("CUSR0000SA0", 2024, "M01", 308.417)],
    ),
    Shape(
        "GTFS stop_times: hours beyond 24 are text",
        "https://gtfs.org/documentation/schedule/reference/#stop_timestxt",
        "trip_id,arrival_time,stop_sequence\nA,25:10:00,1\nA,,2\n",
        {"trip_id": "text", "arrival_time": "text?", "stop_sequence": "int"},
        Csv(),
        [("A", "25:10:00", 1), ("A", None, 2)],
    ),
    Shape(
        "GeoNames: tabs, no header, quotes that mean nothing",
        "https://download.geonames.org/export/dump/readme.txt",
        '2867714\tMunich "Muenchen"\t48.13743\tDE\n2988507\tParis\t48.85341\tFR\n',
        {"id": "int", "name": "text", "lat": "float", "country": "text"},
        Csv(delimiter="\t", header=None, quote=None),
        [(2867714, 'Munich "Muenchen"', 48.13743, "DE"), (2988507, "Paris", 48.85341, "FR")],
    ),
    Shape(
        "NOAA ISD-Lite: columns of fixed width are no delimited file",
        "https://www.ncei.noaa.gov/pub/data/noaa/isd-lite/isd-lite-format.txt",
        "2024 01 01 00   -11   -42 10233   280    26     2     0 -9999\n",
        {"year": "int", "month": "int"},
        Csv(delimiter=" ", header=None),
        refused="ragged",
    ),
)

BANKS = (
    Shape(
        "DKB: lines about the account above, German numbers with the currency",
        "https://www.dkb.de/fragen-antworten/wie-kann-ich-meine-umsaetze-exportieren",
        '"Girokonto";"DE00"\n""\n"Kontostand vom 31.05.2024:";"1.234,56 €"\n""\n"Buchung";"Zweck";"Betrag"\n'
        '"02.05.2024";"Miete";"-1.050,00 €"\n"03.05.2024";"Lohn";"2.500,10 €"\n',
        {"Buchung": "day", "Zweck": "text", "Betrag": "money"},
        Csv(
            delimiter=";",
            decimal=",",
            date_format="%d.%m.%Y",
            preamble="header",
            numbers=Numbers(thousands=".", currency=("€",)),
        ),
        [(d("2024-05-02"), "Miete", D("-1050.00")), (d("2024-05-03"), "Lohn", D("2500.10"))],
        mark=codecs.BOM_UTF8,
    ),
    Shape(
        "Sparkasse CSV-CAMT: two digits of a year",
        "https://www.sparkasse.de/service/online-banking.html",
        '"Buchungstag";"Betrag";"Waehrung"\n"31.05.24";"-12,50";"EUR"\n"01.06.24";"99,00";"EUR"\n',
        {"Buchungstag": "day", "Betrag": "money", "Waehrung": "text"},
        Csv(delimiter=";", decimal=",", date_format="%d.%m.%y", encoding="cp1252"),
        [(d("2024-05-31"), D("-12.50"), "EUR"), (d("2024-06-01"), D("99.00"), "EUR")],
    ),
    Shape(
        "PostFinance: what is exported above, a disclaimer below",
        "https://www.postfinance.ch/en/support/products/e-finance.html",
        "Datum von:;2024-05-01\nKonto:;CH00\n\nDatum;Text;Gutschrift;Lastschrift\n"
        "31.05.2024;Zins;1'234.50;\n30.05.2024;Gebühr;;-5.00\n\nDisclaimer:\nOhne Gewähr.\n",
        {"Datum": "day", "Text": "text", "Gutschrift": "money?", "Lastschrift": "money?"},
        Csv(
            delimiter=";",
            date_format="%d.%m.%Y",
            preamble="header",
            numbers=Numbers(thousands="'"),
            footer=("Disclaimer:", "Ohne Gewähr.*"),
        ),
        [(d("2024-05-31"), "Zins", D("1234.50"), None), (d("2024-05-30"), "Gebühr", None, D("-5.00"))],
    ),
    Shape(
        "Nordea: blanks between thousands, which do not break",
        "https://www.nordea.fi/en/personal/our-services/online-mobile-services/",
        "Kirjauspäivä;Määrä;Saldo\n2024/05/02;-1\u00a0250,00;3\u00a0999,99\n2024/05/03;12,5;4\u00a0012,49\n",
        {"Kirjauspäivä": "day", "Määrä": "money", "Saldo": "money"},
        Csv(delimiter=";", decimal=",", date_format="%Y/%m/%d", numbers=Numbers(thousands=" ")),
        [(d("2024-05-02"), D("-1250.00"), D("3999.99")), (d("2024-05-03"), D("12.50"), D("4012.49"))],
    ),
    Shape(
        "mBank: cp1250, hashes before names",
        "https://www.mbank.pl/pomoc/",
        "#Data operacji;#Opis operacji;#Kwota;\n2024-05-02;PRZELEW ŻÓŁTY;-1 200,00 PLN;\n2024-05-03;Zakup;-9,99 PLN;\n",
        {"#Data operacji": "day", "#Opis operacji": "text", "#Kwota": "money"},
        Csv(
            delimiter=";",
            decimal=",",
            encoding="cp1250",
            trailing_delimiter=True,
            numbers=Numbers(thousands=" ", currency=("PLN",)),
        ),
        [(d("2024-05-02"), "PRZELEW ŻÓŁTY", D("-1200.00")), (d("2024-05-03"), "Zakup", D("-9.99"))],
        encoding="cp1250",
    ),
    Shape(
        "La Banque Postale: iso-8859-15, the balance above",
        "https://www.labanquepostale.fr/particulier/comptes-et-cartes/services.html",
        "Solde (EUROS);1234,56\n\nDate;Libellé;Montant(EUROS)\n31/05/2024;CAFÉ;-2,40\n30/05/2024;SALAIRE;1800,00\n",
        {"Date": "day", "Libellé": "text", "Montant(EUROS)": "money"},
        Csv(
            delimiter=";",
            decimal=",",
            date_format="%d/%m/%Y",
            encoding="iso-8859-15",
            preamble="header",
            blank_lines="skip",
        ),
        [(d("2024-05-31"), "CAFÉ", D("-2.40")), (d("2024-05-30"), "SALAIRE", D("1800.00"))],
        encoding="iso-8859-15",
    ),
    Shape(
        "A statement whose trailer says how many rows there are",
        "https://www.iso20022.org/ (NbOfNtries)",
        "Id,Amount\n1,10.00\n2,20.00\nTRAILER,2\n",
        {"Id": "int", "Amount": "money"},
        Csv(footer=(Trailer(r"TRAILER,(?P<rows>\d+)"),)),
        [(1, D("10.00")), (2, D("20.00"))],
    ),
    Shape(
        "The same, cut short",
        "https://www.iso20022.org/ (NbOfNtries)",
        "Id,Amount\n1,10.00\nTRAILER,2\n",
        {"Id": "int", "Amount": "money"},
        Csv(footer=(Trailer(r"TRAILER,(?P<rows>\d+)"),)),
        refused="trailer",
    ),
    Shape(
        "The same without its trailer",
        "https://www.iso20022.org/ (NbOfNtries)",
        "Id,Amount\n1,10.00\n",
        {"Id": "int", "Amount": "money"},
        Csv(footer=(Trailer(r"TRAILER,(?P<rows>\d+)"),)),
        refused="trailer",
    ),
    Shape(
        "PayPal activity: all quoted, thousands of a comma, 12 hours",
        "https://developer.paypal.com/docs/reports/online-reports/activity-download/",
        '"Date","Time","Gross","Balance"\n"05/13/2024","11:05:12 PM","-1,250.00","2,000.10"\n',
        {"Date": "day", "Time": "text", "Gross": "money", "Balance": "money"},
        Csv(date_format="%m/%d/%Y", numbers=Numbers(thousands=",")),
        [(d("2024-05-13"), "11:05:12 PM", D("-1250.00"), D("2000.10"))],
        mark=codecs.BOM_UTF8,
    ),
    Shape(
        "QuickBooks: brackets for a minus, a total below",
        "https://quickbooks.intuit.com/learn-support/en-us/help-article/report-management/export-reports/",
        'Acme Inc.\nTransaction List\n\nDate,Name,Amount\n05/13/2024,Rent,"(1,200.00)"\n05/14/2024,Sale,350.00\n'
        'TOTAL,,"(850.00)"\n',
        {"Date": "day", "Name": "text", "Amount": "money"},
        Csv(
            date_format="%m/%d/%Y",
            preamble="header",
            footer=("TOTAL,.*",),
            numbers=Numbers(thousands=",", brackets=True),
        ),
        [(d("2024-05-13"), "Rent", D("-1200.00")), (d("2024-05-14"), "Sale", D("350.00"))],
    ),
    Shape(
        "Interactive Brokers statement: sections of several widths are no table",
        "https://www.ibkrguides.com/reportingreference/reportguide/activitystatementsreference.htm",
        "Statement,Header,Field Name\nTrades,Header,Symbol,Quantity\nTrades,Data,AAPL,10\n",
        {"Statement": "text", "Header": "text", "Field Name": "text"},
        Csv(),
        refused="ragged",
    ),
    Shape(
        "A bank that writes a typographic minus",
        "https://www.unicode.org/charts/PDF/U2200.pdf",
        f"Day,Amount\n2024-05-13,{MINUS}12.50\n2024-05-14,3.00\n",
        {"Day": "day", "Amount": "money"},
        Csv(numbers=Numbers(minus=(MINUS,))),
        [(d("2024-05-13"), D("-12.50")), (d("2024-05-14"), D("3.00"))],
    ),
    Shape(
        "The same where that is not declared",
        "https://www.unicode.org/charts/PDF/U2200.pdf",
        f"Day,Amount\n2024-05-13,{MINUS}12.50\n",
        {"Day": "day", "Amount": "money"},
        Csv(),
        refused="decimal",
    ),
)

OFFICES = (
    Shape(
        "SAP ALV list: pipes around cells, trailing minus",
        "https://help.sap.com/docs/SAP_NETWEAVER_AS_ABAP (list export, unconverted)",
        "Material|Menge|Wert\n4711|10|1.234,50-\n0815|2-|99,00\n",
        {"Material": "text", "Menge": "int", "Wert": "money"},
        Csv(delimiter="|", decimal=",", numbers=Numbers(thousands=".", trailing_minus=True)),
        [("4711", 10, D("-1234.50")), ("0815", -2, D("99.00"))],
    ),
    Shape(
        "DATEV EXTF: a line about the file above the header",
        "https://developer.datev.de/datev/platform/en/dtvf",
        '"EXTF";700;21;"Buchungsstapel";12\nUmsatz;Soll/Haben;Konto\n"1234,50";"S";8400\n"9,99";"H";1200\n',
        {"Umsatz": "money", "Soll/Haben": "text", "Konto": "text"},
        Csv(delimiter=";", decimal=",", encoding="cp1252", preamble=1),
        [(D("1234.50"), "S", "8400"), (D("9.99"), "H", "1200")],
    ),
    Shape(
        "Excel, German: sep= line, cp1252",
        "https://support.microsoft.com/office/import-or-export-text-txt-or-csv-files-5250ac4c-663c-47ce-937b-339e391393ba",
        "sep=;\r\nArtikel;Preis\r\nStühle;12,50\r\nTische;99,00\r\n",
        {"Artikel": "text", "Preis": "money"},
        Csv(delimiter=";", decimal=",", encoding="cp1252", sep_line=True),
        [("Stühle", D("12.50")), ("Tische", D("99.00"))],
        encoding="cp1252",
    ),
    Shape(
        "Excel: Unicode text is UTF-16 with tabs",
        "https://support.microsoft.com/office/file-formats-that-are-supported-in-excel-0943ff2c-6014-4e8d-aaea-b83d51d46247",
        "Item\tPrice\r\nCafé\t2.50\r\n",
        {"Item": "text", "Price": "money"},
        Csv(delimiter="\t", encoding="utf-16"),
        [("Café", D("2.50"))],
        encoding="utf-16",
    ),
    Shape(
        "LibreOffice: all text quoted, a quote doubled",
        "https://help.libreoffice.org/latest/en-US/text/shared/guide/csv_params.html",
        '"Item","Size"\n"19"" monitor","a, b"\n',
        {"Item": "text", "Size": "text"},
        Csv(),
        [('19" monitor', "a, b")],
    ),
    Shape(
        "A price list with inches and no quotes at all",
        "https://www.rfc-editor.org/rfc/rfc4180 (what it does not allow)",
        'Item;Price\n19" monitor;99,00\n24" monitor;149,00\n',
        {"Item": "text", "Price": "money"},
        Csv(delimiter=";", decimal=",", quote=None),
        [('19" monitor', D("99.00")), ('24" monitor', D("149.00"))],
    ),
    Shape(
        "The same where quotes are declared: a finding at its line",
        "https://www.rfc-editor.org/rfc/rfc4180",
        'Item;Price\n19" monitor;99,00\n',
        {"Item": "text", "Price": "money"},
        Csv(delimiter=";", decimal=","),
        refused="quote",
    ),
    Shape(
        "Google Analytics: comments above, a blank line",
        "https://support.google.com/analytics/answer/9317657",
        "# ----------\n# Sessions\n# Start date: 20240501\n# ----------\n\nChannel,Sessions\nDirect,120\nOrganic,75\n",
        {"Channel": "text", "Sessions": "int"},
        Csv(comment="#", blank_lines="skip"),
        [("Direct", 120), ("Organic", 75)],
    ),
    Shape(
        "Google Ads: a title, a range of days, totals below, thousands and percents, UTF-16",
        "https://support.google.com/google-ads/answer/2404176",
        'Report\nMay 1, 2024 - May 31, 2024\nCampaign\tClicks\tCTR\nBrand\t"1,204"\t5.25%\nGeneric\t88\t0.90%\n'
        'Total: Account\t"1,292"\t4.00%\n',
        {"Campaign": "text", "Clicks": "int", "CTR": "float"},
        Csv(
            delimiter="\t",
            encoding="utf-16",
            preamble="header",
            footer=("Total: .*",),
            numbers=Numbers(thousands=",", percent="number"),
        ),
        [("Brand", 1204, 5.25), ("Generic", 88, 0.9)],
        encoding="utf-16",
    ),
    Shape(
        "Shopify orders: an order on several lines leaves its cells empty",
        "https://help.shopify.com/manual/fulfillment/managing-orders/exporting-orders",
        "Name,Total,Lineitem quantity,Lineitem name\n#1001,25.00,1,Cup\n#1001,,2,Plate\n",
        {"Name": "text", "Total": "money?", "Lineitem quantity": "int", "Lineitem name": "text"},
        Csv(),
        [("#1001", D("25.00"), 1, "Cup"), ("#1001", None, 2, "Plate")],
    ),
    Shape(
        "Shopify products: text of several lines between quotes",
        "https://help.shopify.com/manual/products/import-export/using-csv",
        'Handle,Body\ncup,"<p>Blue\nand white</p>"\nplate,"<p>Flat</p>"\n',
        {"Handle": "text", "Body": "text"},
        Csv(multiline=True),
        [("cup", "<p>Blue\nand white</p>"), ("plate", "<p>Flat</p>")],
    ),
    Shape(
        "Amazon settlement: tabs, days first, and a comma in money",
        "https://developer-docs.amazon.com/sp-api/docs/report-type-values-settlement",
        "settlement-id\tposted-date\tamount\n17\t31.05.2024\t-1,25\n17\t01.06.2024\t20,00\n",
        {"settlement-id": "int", "posted-date": "day", "amount": "money"},
        Csv(delimiter="\t", decimal=",", date_format="%d.%m.%Y"),
        [(17, d("2024-05-31"), D("-1.25")), (17, d("2024-06-01"), D("20.00"))],
    ),
    Shape(
        "Etsy orders: money with a dollar sign, months by name",
        "https://help.etsy.com/hc/articles/115015960327",
        'Sale Date,Item Total\n"May 13, 2024","$1,012.50"\n"June 1, 2024",$9.00\n'.replace("June 1", "June 01"),
        {"Sale Date": "day", "Item Total": "money"},
        Csv(date_format=("%b %d, %Y", "%B %d, %Y"), numbers=Numbers(thousands=",", currency=("$",))),
        [(d("2024-05-13"), D("1012.50")), (d("2024-06-01"), D("9.00"))],
    ),
    Shape(
        "Jira: several columns of one name cannot be told apart",
        "https://support.atlassian.com/jira-software-cloud/docs/export-issues/",
        "Key,Labels,Labels\nA-1,new,urgent\n",
        {"Key": "text", "Labels": "text"},
        Csv(header=BY_NAME),
        refused="header",
    ),
    Shape(
        "Salesforce: columns in another order, true in lower case",
        "https://developer.salesforce.com/docs/atlas.en-us.dataLoader.meta/dataLoader/",
        '"ISWON","ID","AMOUNT"\n"true","006A","1500.0"\n"false","006B",""\n',
        {"ID": "text", "AMOUNT": "float?", "ISWON": "bool"},
        Csv(header=BY_NAME),
        [("006A", 1500.0, True), ("006B", None, False)],
    ),
    Shape(
        "Microsoft Forms: yes and no in German, names with blanks around",
        "https://support.microsoft.com/office/check-and-share-your-form-results",
        "ID; Kommt ;Personen\n1;Ja;2\n2;Nein;0\n",
        {"ID": "int", "Kommt": "bool", "Personen": "int"},
        Csv(delimiter=";", true=("Ja",), false=("Nein",), header=Header(strip=True)),
        [(1, True, 2), (2, False, 0)],
    ),
    Shape(
        "A supplier who adds a column: ignored, and counted",
        "https://www.rfc-editor.org/rfc/rfc4180",
        "sku,price,colour\nA1,9.90,red\nA2,8.50,\n",
        {"sku": "text", "price": "money"},
        Csv(header=Header(by="name", extra="ignore")),
        [("A1", D("9.90")), ("A2", D("8.50"))],
    ),
    Shape(
        "A supplier who adds a column: refused where that is not declared",
        "https://www.rfc-editor.org/rfc/rfc4180",
        "sku,price,colour\nA1,9.90,red\n",
        {"sku": "text", "price": "money"},
        Csv(),
        refused="header",
    ),
    Shape(
        "A price list of two forms of days in one column",
        "https://www.iso.org/iso-8601-date-and-time-format.html",
        "sku,from\nA1,2024-05-31\nA2,31.05.2024\n",
        {"sku": "text", "from": "day"},
        Csv(date_format=("%Y-%m-%d", "%d.%m.%Y")),
        [("A1", d("2024-05-31")), ("A2", d("2024-05-31"))],
    ),
    Shape(
        "A price list of days first and months first: what both read differently is a finding",
        "https://www.iso.org/iso-8601-date-and-time-format.html",
        "sku,from\nA1,31/05/2024\nA2,03/04/2024\n",
        {"sku": "text", "from": "day"},
        Csv(date_format=("%d/%m/%Y", "%m/%d/%Y")),
        refused="date",
    ),
    Shape(
        "A rate and an amount in one file: percents in one column alone",
        "https://www.unicode.org/reports/tr35/tr35-numbers.html",
        "product;rate;amount\nA;19 %;1,50\nB;7 %;2,00\n",
        {"product": "text", "rate": "float", "amount": "money"},
        Csv(delimiter=";", decimal=",", columns={"rate": Cells(numbers=Numbers(percent="share"))}),
        [("A", 0.19, D("1.50")), ("B", 0.07, D("2.00"))],
    ),
)

MACHINES = (
    Shape(
        "mysqldump --tab: tabs, backslashes, \\N",
        "https://dev.mysql.com/doc/refman/8.4/en/mysqldump-delimited-text.html",
        "1\tAda\t\\N\n2\tBob\t3.5\n",
        {"id": "int", "name": "text", "score": "float?"},
        Csv(delimiter="\t", header=None, quote=None, nulls=("\\N",)),
        [(1, "Ada", None), (2, "Bob", 3.5)],
    ),
    Shape(
        "PostgreSQL COPY … CSV: an empty text is quoted, t and f",
        "https://www.postgresql.org/docs/current/sql-copy.html",
        "id,active\n1,t\n2,f\n3,\n",
        {"id": "int", "active": "bool?"},
        Csv(true=("t",), false=("f",)),
        [(1, True), (2, False), (3, None)],
    ),
    Shape(
        "Escapes by a backslash",
        "https://spark.apache.org/docs/latest/sql-data-sources-csv.html",
        'id,text\n1,"she said \\"no\\""\n2,"a, b"\n',
        {"id": "int", "text": "text"},
        Csv(escape="\\"),
        [(1, 'she said "no"'), (2, "a, b")],
    ),
    Shape(
        "Hive: \\x01 between cells",
        "https://hive.apache.org/docs/latest/language/languagemanual-ddl/",
        "1\x01a,b\n2\x01c\n",
        {"id": "int", "text": "text"},
        Csv(delimiter="\x01", header=None, quote=None),
        [(1, "a,b"), (2, "c")],
    ),
    Shape(
        "Two characters between cells",
        "https://docs.snowflake.com/en/sql-reference/sql/create-file-format",
        "id||text\n1||a|b\n2||c\n",
        {"id": "int", "text": "text"},
        Csv(delimiter="||"),
        [(1, "a|b"), (2, "c")],
    ),
    Shape(
        "A paragraph sign between cells",
        "https://docs.oracle.com/en/database/oracle/oracle-database/19/sutil/ (TERMINATED BY)",
        "id§text\n1§a;b\n2§c\n",
        {"id": "int", "text": "text"},
        Csv(delimiter="§", encoding="cp1252"),
        [(1, "a;b"), (2, "c")],
        encoding="cp1252",
    ),
    Shape(
        "Common log format: blanks, quotes, and a moment between brackets",
        "https://httpd.apache.org/docs/current/logs.html#common",
        '127.0.0.1 - [13/May/2024:10:00:05] "GET /a HTTP" 200 512\n127.0.0.1 ada [13/May/2024:10:00:06] "-" 408 -\n',
        {"host": "text", "user": "text?", "at": "moment", "request": "text", "status": "int", "bytes": "int?"},
        Csv(
            delimiter=" ",
            header=None,
            datetime_format="[%d/%b/%Y:%H:%M:%S]",
            nulls=("",),
            columns={"user": Cells(nulls=("-",)), "bytes": Cells(nulls=("-",))},
        ),
        [
            ("127.0.0.1", None, t("2024-05-13T10:00:05"), "GET /a HTTP", 200, 512),
            ("127.0.0.1", "ada", t("2024-05-13T10:00:06"), "-", 408, None),
        ],
    ),
    Shape(
        "W3C extended log: lines about the log above, a dash for nothing",
        "https://www.w3.org/TR/WD-logfile.html",
        "#Version: 1.0\n#Fields: date time cs-uri sc-status\n2024-05-13 10:00:05 /a 200\n2024-05-13 10:00:06 /b -\n",
        {"date": "day", "time": "text", "cs-uri": "text", "sc-status": "int?"},
        Csv(delimiter=" ", comment="#", header=None, nulls=("-",)),
        [(d("2024-05-13"), "10:00:05", "/a", 200), (d("2024-05-13"), "10:00:06", "/b", None)],
    ),
    Shape(
        "HOBO logger: a title in quotes, two digits of a year, 12 hours",
        "https://www.onsetcomp.com/resources/documentation (HOBOware text export)",
        '"Plot Title: roof"\n"#","Date Time","Temp"\n1,05/13/24 11:00:00 PM,21.5\n2,05/14/24 12:00:00 AM,21.25\n',
        {"#": "int", "Date Time": "moment", "Temp": "float"},
        Csv(preamble=1, datetime_format="%m/%d/%y %I:%M:%S %p"),
        [(1, t("2024-05-13T23:00:00"), 21.5), (2, t("2024-05-14T00:00:00"), 21.25)],
        mark=codecs.BOM_UTF8,
    ),
    Shape(
        "Campbell TOA5: units between header and rows are a finding",
        "https://help.campbellsci.com/loggernet-manual/ (TOA5)",
        '"TOA5","CR6"\n"TIMESTAMP","RECORD","AirTC"\n"TS","RN","Deg C"\n"2024-05-13 10:00:00",0,21.5\n',
        {"TIMESTAMP": "moment", "RECORD": "int", "AirTC": "float"},
        Csv(preamble=1),
        refused="datetime",
    ),
    Shape(
        "A logger whose fractions of a second come and go",
        "https://www.ietf.org/rfc/rfc3339.txt",
        "at,value\n2024-05-13T10:00:00,1\n2024-05-13T10:00:00.125,2\n",
        {"at": "moment", "value": "int"},
        Csv(datetime_format="%Y-%m-%dT%H:%M:%S%.f"),
        [(t("2024-05-13T10:00:00"), 1), (t("2024-05-13T10:00:00.125"), 2)],
    ),
    Shape(
        "A sensor that writes NaN, which is no value",
        "https://standards.ieee.org/ieee/754/6210/",
        "at,value\n2024-05-13 10:00:00,1.5\n2024-05-13 10:01:00,NaN\n",
        {"at": "moment", "value": "float?"},
        Csv(nulls=("", "NaN")),
        [(t("2024-05-13T10:00:00"), 1.5), (t("2024-05-13T10:01:00"), None)],
    ),
    Shape(
        "A sensor that writes NaN where that is not declared",
        "https://standards.ieee.org/ieee/754/6210/",
        "at,value\n2024-05-13 10:01:00,NaN\n",
        {"at": "moment", "value": "float?"},
        Csv(),
        refused="float",
    ),
    Shape(
        "A DOS program ends its files with \\x1a",
        "https://learn.microsoft.com/windows/console/ (CTRL+Z as end of file)",
        "id,text\r\n1,a\r\n\x1a",
        {"id": "int", "text": "text"},
        Csv(),
        refused="ragged",
    ),
    Shape(
        "An old Mac ends its lines with \\r",
        "https://www.unicode.org/reports/tr14/ (CR)",
        "id,text\r1,a\r2,b\r",
        {"id": "int", "text": "text"},
        Csv(),
        refused="line_end",
    ),
    Shape(
        "A page of an error in place of the file",
        "https://www.rfc-editor.org/rfc/rfc9110#section-15.6.4",
        "<!DOCTYPE html>\n<html><body>503</body></html>\n",
        {"id": "int", "text": "text"},
        Csv(),
        refused="header",
    ),
    Shape(
        "Rakuten: Shift JIS",
        "https://encoding.spec.whatwg.org/#shift_jis",
        "注文番号,商品,金額\nA-1,本,1200\nA-2,茶,350\n",
        {"注文番号": "text", "商品": "text", "金額": "int"},
        Csv(encoding="cp932"),
        [("A-1", "本", 1200), ("A-2", "茶", 350)],
        encoding="cp932",
    ),
    Shape(
        "1C: Cyrillic, blanks between thousands",
        "https://encoding.spec.whatwg.org/#windows-1251",
        "Номер;Клиент;Сумма\n1;Иванов;1\u00a0234,50\n2;Петров;99,00\n",
        {"Номер": "int", "Клиент": "text", "Сумма": "money"},
        Csv(delimiter=";", decimal=",", encoding="cp1251", numbers=Numbers(thousands=" ")),
        [(1, "Иванов", D("1234.50")), (2, "Петров", D("99.00"))],
        encoding="cp1251",
    ),
    Shape(
        "Bytes that are no text in the declared encoding",
        "https://encoding.spec.whatwg.org/#utf-8",
        "id,text\n1,Größe\n",
        {"id": "int", "text": "text"},
        Csv(),
        refused="encoding",
        encoding="cp1252",
    ),
    Shape(
        "Garmin: two dashes where there is nothing",
        "https://support.garmin.com/ (Garmin Connect, Export CSV)",
        'Activity,Distance,Avg HR\nRun,"10.25",151\nSwim,"1,500",--\n',
        {"Activity": "text", "Distance": "float", "Avg HR": "int?"},
        Csv(nulls=("", "--"), numbers=Numbers(thousands=",")),
        [("Run", 10.25, 151), ("Swim", 1500.0, None)],
    ),
    Shape(
        "Yahoo Finance: null",
        "https://help.yahoo.com/kb/SLN2311.html",
        "Date,Close,Volume\n2024-05-13,186.28,72044800\n2024-05-14,null,null\n",
        {"Date": "day", "Close": "float?", "Volume": "int?"},
        Csv(nulls=("null",)),
        [(d("2024-05-13"), 186.28, 72044800), (d("2024-05-14"), None, None)],
    ),
)

SHAPES = (*GOVERNMENT, *BANKS, *OFFICES, *MACHINES)
