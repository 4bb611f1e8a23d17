"""The report of a run as one self-contained HTML page. Pure: values in, text out; it knows nothing of runs.

samples.py    how a run went on over time, in flat memory
values.py     what a page shows
plots.py      a quantity over time, as SVG that fits any width
page.py       the page
style.py      how it looks: on a phone, on a desk, printed, light and dark
"""
