"""Everything that runs Twofold on one machine: embedded PostgreSQL and Valkey, and the group of processes.

Plain Python without Django, so that the group starts quickly and its rules can be tested alone. `portal.stack.__main__`
is the order of events; each other module holds one subject.
"""
