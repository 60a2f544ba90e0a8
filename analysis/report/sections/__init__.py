"""The sections of the report, one file each: heading, words, figures with their captions, tables.

A module has one public function, `section`, which takes what it needs and gives the section, or None when it has
nothing to show. `analysis/report/write.py` lists them in the order of the page.
"""
