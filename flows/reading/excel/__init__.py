"""Workbooks: what may lie in them is looked at before it is read, and what their reader would pass over is found."""
