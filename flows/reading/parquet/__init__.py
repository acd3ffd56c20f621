"""Parquet files: columns by name, values as they are stored."""
