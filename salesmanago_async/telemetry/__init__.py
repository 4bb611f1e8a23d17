"""What the library reports about its work: log records always, OpenTelemetry spans and metrics if the program uses it.

    events.py             an event: what has happened, as a value; each is one log record, and may be counted
    run_events.py         the events of runs and their journals
    connection_events.py  of requests, their limits, and quotas
    job_events.py         of server jobs and their files
    buffer_events.py      of buffers
    operations.py         what takes time, as values: each is one span, and may be measured
    telling.py            `tell(event)` and `during(operation)`: all that the other rooms call
    otel.py               spans and metrics: the only module that knows OpenTelemetry
    gauges.py             what is measured at the moment of a collection: limits, requests in flight, buffers

Logs
====
Four loggers: `salesmanago_async.runs`, `.connection`, `.jobs` and `.buffers`. INFO is for milestones and the numbers of
server jobs; WARNING for each retry, pause, lowered limit, and for a run that ends early; ERROR for what a program has
to repair. A warning that repeats one of the same seconds is DEBUG. `extra=` has the facts of each record, so structlog
and JSON formatters see them as fields. Their names begin with `sm_`, so that they meet no field of the program:

    sm_event            the kind of the record, such as "retry" or "run_ended": the name of the class of its event
    sm_kind             what is sent: "contacts", "events", "products", "quantities" or "prices"
    sm_counts           the counts of a run, in words
    sm_path             the path of a call, such as "contact/hasContact"
    sm_failure          a status ("503"), or words of this library ("… did not answer: the connection was lost")
    sm_attempt          the number of the next try, from 1
    sm_most_attempts    the most tries of a single call
    sm_wait_seconds     how long something waits before it goes on
    sm_seconds_left     how long a run goes on without any answer; a buffer has no such end
    sm_limit            the most requests in flight from now on
    sm_limit_before     and before
    sm_rate             the most requests that start in a second from now on
    sm_job_id           the number of a server job
    sm_job_state        how a job has ended: "done", "failed", or "unfollowed" if that is not known
    sm_seconds          how long something took
    sm_records          how many records it is about
    sm_unconfirmed      how many more records a buffer has sent, with jobs that it has to poll
    sm_read, sm_accepted, sm_submitted, sm_rejected, sm_in_doubt, sm_not_sent, sm_requests, sm_retries
                        the counts of a run, as in its report
    sm_added, sm_missing
                        how many columns a sync has that the last one had not, and the other way round
    sm_state            the state of a record
    sm_position         the number of a record in its buffer, from 1
    sm_characters       how many damaged characters a file has
    sm_record           the number of the first record that has one, from 1
    sm_journal          the path or the address of a journal, without a password
    sm_given_as         the option that it was given as: "journal", or "state" of a sync
    sm_quota            the name of a quota
    sm_place            lines of this library and the program, without their values

No event has a field for a text of a server, for a record or a credential: so no log, span or metric can show them.

OpenTelemetry
=============
A program that has imported `opentelemetry` (extra `otel`) gets spans and metrics from the global providers: nothing has
to be switched on, and this library imports nothing of it by itself. `use_providers` chooses other providers, and
`switch_off` none.

    span                     attributes
    salesmanago.run          salesmanago.kind, and the counts of its report, such as salesmanago.accepted
      salesmanago.chunk      salesmanago.records, salesmanago.attempt: a request of a run, with its retries
        POST                 each try: http.request.method, url.full, server.address, http.response.status_code, …
      salesmanago.job        salesmanago.job_id, salesmanago.job_state: a server job, until its result was read
    salesmanago.flush        as a chunk, of a buffer: a root span, because the records came from many requests
    salesmanago.export       salesmanago.job_id: the file of a job, from the first poll to the last byte

    metric                             unit        attributes
    salesmanago.records                {record}    salesmanago.kind, salesmanago.state
    salesmanago.retries                {retry}     salesmanago.path, error.type
    salesmanago.wait.duration          s           salesmanago.reason: "retry", "pause" or "outage"
    salesmanago.job.duration           s           salesmanago.job_state
    salesmanago.requests.in_flight     {request}   server.address
    salesmanago.requests.waiting       {request}   server.address
    salesmanago.requests.limit         {request}   server.address
    salesmanago.buffer.records         {record}    salesmanago.kind
    salesmanago.buffer.lag             s           salesmanago.kind: the age of the oldest record without an outcome
    http.client.request.duration       s           those of the semantic conventions

For Prometheus (`pip install opentelemetry-exporter-prometheus`), before the client is made:

    from opentelemetry import metrics
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from opentelemetry.sdk.metrics import MeterProvider
    from prometheus_client import start_http_server

    metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))
    start_http_server(9464)
"""

from .telling import During, during, switch_off, tell, use_providers, watch_buffer, watch_pace

__all__ = ["During", "during", "switch_off", "tell", "use_providers", "watch_buffer", "watch_pace"]
