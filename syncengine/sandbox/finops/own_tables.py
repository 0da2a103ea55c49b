"""The tables that a finops sandbox keeps for itself beside those of its entities."""

TABLES = """
-- Where events go; `sets` and `operations` empty mean all, `company` empty all companies.
CREATE TABLE {s}._endpoint (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL,
    url text NOT NULL,
    secret_header text NOT NULL,
    secret text NOT NULL,
    sets text[] NOT NULL,
    company text NOT NULL,
    operations text[] NOT NULL
);

-- Events that no try could deliver, until somebody sends them again.
CREATE TABLE {s}._event_error (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint text NOT NULL,
    body text NOT NULL,
    status integer,
    problem text NOT NULL,
    tries integer NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- When data events of the last hour were due to be sent.
CREATE TABLE {s}._data_event (due_at timestamptz NOT NULL);
CREATE INDEX ON {s}._data_event (due_at);

-- Files of the package service, for a week. A blob is there when it has been written.
CREATE TABLE {s}._blob (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    content bytea,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    written_at timestamptz
);

-- Data projects: which entities a package of this name holds, in their order.
CREATE TABLE {s}._definition_group (
    name text PRIMARY KEY,
    entities jsonb NOT NULL
);

-- Imports and exports. Of a definition group one executes at a time.
CREATE TABLE {s}._execution (
    place bigint GENERATED ALWAYS AS IDENTITY,
    id text PRIMARY KEY,
    definition_group text NOT NULL,
    direction text NOT NULL,
    status text NOT NULL DEFAULT 'NotRun',
    company text NOT NULL,
    runs_target boolean NOT NULL DEFAULT true,
    package_name text NOT NULL DEFAULT '',
    blob_id uuid,
    runner uuid,
    message text NOT NULL DEFAULT '',
    counts jsonb NOT NULL DEFAULT '{{}}',
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    started_at timestamptz,
    ended_at timestamptz
);
CREATE UNIQUE INDEX ON {s}._execution (definition_group) WHERE status = 'Executing';

-- Rows that an import could not stage (`stage` staging) or write (target); `row` as the file has it.
CREATE TABLE {s}._execution_error (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    execution_id text NOT NULL REFERENCES {s}._execution ON DELETE CASCADE,
    set_name text NOT NULL,
    stage text NOT NULL,
    line integer NOT NULL,
    row jsonb NOT NULL,
    message text NOT NULL
);
CREATE INDEX ON {s}._execution_error (execution_id);

-- The files made of them, once they were asked for.
CREATE TABLE {s}._error_file (
    execution_id text NOT NULL REFERENCES {s}._execution ON DELETE CASCADE,
    set_name text NOT NULL,
    stage text NOT NULL,
    blob_id uuid NOT NULL,
    PRIMARY KEY (execution_id, set_name, stage)
);

-- What the last export of an entity by a definition group has seen.
CREATE TABLE {s}._export_mark (
    definition_group text NOT NULL,
    set_name text NOT NULL,
    company text NOT NULL,
    seen pg_snapshot NOT NULL,
    PRIMARY KEY (definition_group, set_name, company)
);
"""
