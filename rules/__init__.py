"""The rule pages, as package data."""
