"""The engine of a run. Nothing here is public: callers use `runs`, `report` and `settings` of the package above.

Pure modules: no I/O, no event loop.

    chunks        encoded records, the records of one request, and its body
    chunker       encoded records → chunks that fit into one request
    open_block    records that are collected, column by column, until they are a chunk
    packed_rows   rows as bytes until they are used, so that the garbage collector has little to do
    lanes         encoded records → chunks of several requests, each for one of them
    order         which contacts are busy, and the records that wait for them
    steps         what comes next for a batch: every step, and how each follows from what was found out
    answers       an answer or a result file → verdicts on the records
    products      an answer of API v3 → verdicts on the products; a refusal → the products that it names
    comparison    how alike an event that was sent and an event of the server are
    matching      which events of a request without an answer the server has
    resuming      matches the records of the source with what earlier runs did (reads checksums from the journal)
    digests       the digests of all records that earlier runs sent, as a multiset
    redaction     reasons without the data of the records that they are about
    reasons       counts reasons by kind
    duplicates    counts duplicates by hashes, for a dry run
    settled       records whose outcome is known, as counts and outcomes

Modules that act, in the order in which a record passes through them. Each uses only pure modules and modules below it:

    run           starts the run, stops it, and ends it with a report; builds the pipeline
    pipeline      connects the parts, and starts the reader, the senders and the workers that poll
    reading       reads, checks and encodes records; gives them to the gate, or to the feed if an earlier run sent them
    claims        matches records by their content with what earlier runs sent, before anything new is sent
    gate          puts records into chunks, and holds back those of busy contacts
    senders       as many tasks as the pace has use for, each of which sends one batch after the other
    feed          makes a batch of each chunk, and hands it with its first step to a sender
    driver        carries out the steps of a batch, with sending, polling, reconciling and settling
    dry_run       counts a batch instead of sending it
    sending       sends a batch, and returns the step that follows from the answer
    polling       polls the server job of a batch, and returns the next step
    reconciling   reads back the contacts of events in doubt, and returns the next step
    settling      writes down, counts and reports outcomes, and releases contacts

    ledger        writes the journal; if that fails, the run ends
    numbering     numbers records that are known by their content
    outage        lets only single chunks through while the server does not answer
    run_control   whether the run goes on
    tally         the counts of the run
    batches       the batches that are not settled, in memory and in the spill file
    spill         a temporary file for the records that wait
"""
