"""The dataset of the benchmark: the shipped sales schema, whose declaration makes six rules, with some rows let go."""

from cubefeed import Dataset, SkipRows

from flows.datasets.sales import Sales

SALES = Dataset(schema=Sales, landing="landing", bad_rows=SkipRows(up_to=0.02))
