"""The sandbox's own pages: a person works in the simulated system as they would in the real one.

    app        from address to page          visit      one request, and what a page needs to answer it
    session    who is signed in              rendering  templates
    tables, rows, record (with record_form), changes, making, faults, settings: one page each, or a few of one subject
    listing    rows by pages                 inputs     a form from a table's columns
    switches   a form from a struct's fields wording    labels and help of those fields

Pages write through the service as clients do (`inside`), so that whatever the service does to a write applies.
"""
