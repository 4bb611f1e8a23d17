"""Records → chunks → requests → outcomes: every record that is read ends in exactly one state.

The promises of a run
---------------------

The report adds up: `read == accepted + submitted + rejected + in_doubt + not_sent` once a run has ended, in whatever
way. An outcome's `record` equals the record that was given.

    accepted     confirmed: by the result file of its job (contacts), by the answer, or by reading the event back
    submitted    taken by the server; its job was not followed to the end: `wait=False`, a stop, a job that the server
                 no longer knows, or a result file that cannot be read. The same call with its journal polls again, and
                 sends contacts again of which the server knows nothing
    rejected     refused, here (field and rule) or by the server (its words about this record)
    in_doubt     sent, but it is not known whether it was applied
    not_sent     the run ended first, or an earlier record of the contact is in doubt

Nothing is lost. With a journal, no request is sent before the journal says on the disk that it may have been sent, and
no record is called accepted before the journal says so. After a crash, a kill or a power cut the same call goes on:
accepted records are not sent again, jobs are polled again, and the rest is sent.

A journal is true, or refused. It is one file; a part of it that is missing, cut or damaged is noticed. It belongs to
one account, one server, and a real or a simulated run. It holds positions and checksums: no rows, names, addresses or
secrets. A source that has changed is refused before anything is sent, and the error names the first record that
differs. Without a journal every other promise holds until the process ends.

Nothing is doubled. Calls that may be repeated (reads, upserts, deletes) are sent again after any failure. Events are
sent again only if they surely did not arrive. After a failure without an answer their contacts are read back, twice, a
poll interval apart, and only events that are missing both times are sent. A request that the server refuses is read
back, too, before its halves are sent. Events are recognised by `externalId` and type, or without an id by type, date,
value and products. An event that may be ours, in another spelling, stays in doubt.

Nothing is accepted on a guess. A record is accepted only if the server's answer can be traced to it. These accept and
reject nothing: an answer of another shape, a page of a proxy, the file of another job, and bytes that came before the
request was sent.

The last one wins. Two records of one contact (by address or id, in whatever spelling) are never in two requests or
unfinished jobs at once. The later record waits, and records of other contacts pass it. After a request without an
answer it waits for five poll intervals, as the server may still work at the lost request.

A bad record stops nothing. It is rejected alone. If the server refuses a whole request, its halves are sent, with at
most 64 more requests, until the records to blame are found. A body that is too large for a gateway (413) is halved
until it fits.

A run has patience. It goes on after any failure until no answer has come for `patience` seconds (300). A run that
stopped early says so in `str(report)`, `report.complete`, `raise_if_incomplete()` and the exit code.

A stop is bounded. `outcomes.stop()`, the cancellation of the task, Ctrl-C, SIGTERM and closing the client let the
requests in flight finish for at most `stop_within` seconds (20). Leaving a block or a generator early never cancels the
caller's own task.

The server sets the pace. A run finds how many requests in flight the server takes before they only wait there, and how
many in a second before it refuses them; `concurrency` and `rate` are the upper bounds. 429, 503 and time-outs lower
them, answers raise them again, and Retry-After holds up all requests.
Waits grow exponentially, with full jitter, and hold no permit.

Memory is bounded by what is in flight. A slow server slows the reading, and records that wait are in an unnamed
temporary file.

Its limits
----------

The server is slow after a lost connection. A server that works at a request for longer than two poll intervals after it
dropped the connection can still double an event, and so can one that shows new events later than that. After a refusal
one poll is enough, once the server has shown that it keeps nothing of what it refuses. A job of a lost request that
ends later than five poll intervals after it may overwrite a later version of its contacts. So may a job of a run that
has ended, if the next run begins within these intervals. With `wait=False` it is unknown when a job ends, so of two
records of one contact the earlier one may be applied last.

The server does not show an event. It counts as missing at an account that returns only the newest events of a contact,
or that has merged or deleted the contact. Where `contactExtEvents` is null, and the answer does not show that null
means none, events stay in doubt.

Events are alike. An event without `externalId` counts as arrived if one just like it was there before. Events that
share an `externalId` and a type, and differ in nothing that the server returns, stay in doubt. So does an event that
differs from one already there only in its `externalId` or its type. Without ids, so does one of the same type, products
and texts that is whole hours away, or in the same minute. Two changes at once cannot be recognised: see
`engine/matching.py`.

Contacts have two names. A contact that one row names by its address, and another row by its id alone, is two contacts
to a run. One row with both connects them.

Result files and jobs. If a result file names no ids at all, its `success` and its list of invalid contacts are
believed. No text for a failed job is documented: only a plain sentence such as "Job failed" counts as one, and any
other text is "unknown".

The journal. It needs the source again, in the same order. An older copy of a journal, put in its place, cannot be
distinguished from the newest one.

E-mails. With double opt-in, how many confirmation e-mails are sent is known at most, not exactly. A `forceOptOut`
column opts contacts out, and nothing asks first.

A synchronous source blocks the event loop while it makes one row.
"""
