"""The laboratory: many real builds of the three libraries, and what anymq does on each of them.

`python tools/lab --help` lists the commands; docs/lab.md says what they are for.
"""
