"""Cubefeed keeps an OLAP cube live from the files that land in a directory."""
