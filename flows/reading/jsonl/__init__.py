"""Files of JSON objects, one a line: read exactly, and fast where the lines are alike."""
