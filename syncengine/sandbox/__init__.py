"""The simulated finops and dataverse services.

A server of its own: one management origin, and an origin (a port) for each sandbox, as each real environment has a
host of its own. Rows live in PostgreSQL tables made from declarations, which are data. The engine never imports this
package: it speaks to it over HTTP, as to the real services.

    server       the whole process                    management   create, reset, copy, delete, load, faults
    host         sandboxes on their ports             registry     which sandboxes there are
    origins      servers in HTTP or HTTPS             certificates the certificate that they show
    web          what an origin does with a call      site         a sandbox that runs
    declarations tables as data                       inventory    all tables of a sandbox by name
    store        schemas and tables in PostgreSQL     loading      rows from files
    query        lists, pages                         sql_filter   filters as SQL
    batch        many calls in one                    events       what is told to subscribers
    inside       calls of the sandbox to itself       change_log   what was written lately
    pages/       the sandbox's own pages              business/    random changes, told or silent
    dataverse/   the one service                      finops/      the other

A write, from the call to the answer: `web` signs the client in, the kind's `service` finds the resource and opens one
transaction, `payload` checks the values, `write` stores them and queues what subscribers are told, the transaction
ends, `events` sends it. A call that is refused leaves nothing.
"""
