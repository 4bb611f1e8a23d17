"""Only what changed: a sync sends the rows whose content differs from what the server accepted last.

    settings          the options of a sync, checked
    known             the state file: for each key, a digest of the content that was accepted last
    changes           the source of the run: the rows of the caller's source that have changed
    product_content   what has changed of a product: its prices alone, its quantity alone, or more
    columns           the columns of the source beside those of the last sync
    places            where the rows of the source are in the state, at a pointer that follows them or by their keys
    key_index         finds the rows of a state by their keys, made when the order of the source is another one
    sent              the rows that the run under way sends, on disk
    order             the order of the other rows, for the next state
    journal           the run's journal, in files beside the state
    merge             what was known and what was sent become the next state
    state             opens a state, finishes what a run before left behind, and writes the next one
    removal           what happens to contacts that are in the state, and no longer in the source
    report            the counts of a sync
    syncs             puts the parts together

The state changes in one moment, at the end of a run. A change is never missed: before a row is sent, the files beside
the state say that the content of its key is unknown, until the row is accepted. So after a crash at any moment, the
next sync sends again what may not have been accepted.
"""
