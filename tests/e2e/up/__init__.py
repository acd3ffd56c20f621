"""`cubefeed up`: one running installation for all tests of this folder."""
