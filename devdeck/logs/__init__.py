"""The log engine: a line index over a file, marks and search. No Textual in here."""
