"""Puts this folder on the import path, for the modules that the tests share."""
