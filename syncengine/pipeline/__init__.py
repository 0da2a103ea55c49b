"""One take, from the journal to the bindings: read, map, decide, write, settle. No Django below this line.

work      what a map brings along: definition, rules, connectors, parents
take      changes of the journal folded to records
reading   rows of one side, with their key and whether they pass
imaging   rows mapped to the other side's shape, look-ups resolved (parents)
pairing   records without a binding find their partner
comparing both sides and their bases brought together for `decide`
writing   decisions to write batches, and what became of them
settling  outcome to bindings, journal, sync errors and counters, in one transaction
lane      the live loop; load: initial sync through the same steps
"""
