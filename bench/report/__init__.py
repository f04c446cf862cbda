"""What `page.py` makes the page and the plots of: results read and checked, tables, charts."""
