-- The bytes "ctui": tells our file from any other SQLite database.
PRAGMA application_id = 1668576617;

-- Projection: one row a run; n is the order in which runs began.
CREATE TABLE runs (
    n      INTEGER PRIMARY KEY,
    id     TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    data   TEXT NOT NULL
);

-- The history: append-only, seq is gapless within a run, data is the event as JSON.
CREATE TABLE events (
    run      TEXT NOT NULL REFERENCES runs (id),
    seq      INTEGER NOT NULL,
    ts       TEXT NOT NULL,
    type     TEXT NOT NULL,
    task     TEXT,
    attempt  INTEGER,
    position INTEGER,
    data     TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE INDEX events_of_task ON events (run, task);

-- Projection: position and updated_at stand apart, because each output line changes them;
-- they overrule what data says of the newest attempt.
CREATE TABLE tasks (
    run        TEXT NOT NULL REFERENCES runs (id),
    id         TEXT NOT NULL,
    place      INTEGER NOT NULL,
    status     TEXT NOT NULL,
    position   INTEGER NOT NULL,
    updated_at TEXT NOT NULL,
    data       TEXT NOT NULL,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;

-- Projection: breakpoints, in the order in which they were raised.
CREATE TABLE breakpoints (
    run   TEXT NOT NULL REFERENCES runs (id),
    id    TEXT NOT NULL,
    place INTEGER NOT NULL,
    open  INTEGER NOT NULL,
    data  TEXT NOT NULL,
    PRIMARY KEY (run, id)
) WITHOUT ROWID;

-- The door for writing: one row inserted here is one group of operations, so one statement is one
-- transaction, and one hop to SQLite's thread, however many events it brings. Columns hold JSON:
-- events [[ts, type, task, attempt, position, data], ...] numbered on from seq;
-- run [status, data] or null; tasks, progress and breakpoints as the columns named below.
CREATE VIEW intake AS
SELECT NULL AS id, NULL AS seq, NULL AS events, NULL AS run, NULL AS tasks, NULL AS progress,
       NULL AS breakpoints;

CREATE TRIGGER intake_of_group INSTEAD OF INSERT ON intake
BEGIN
    INSERT INTO runs (id, status, data)
    SELECT NEW.id, json_extract(NEW.run, '$[0]'), json_extract(NEW.run, '$[1]')
     WHERE NEW.run IS NOT NULL
        ON CONFLICT (id) DO UPDATE SET status = excluded.status, data = excluded.data;

    INSERT INTO events (run, seq, ts, type, task, attempt, position, data)
    SELECT NEW.id, NEW.seq + key,
           json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
           json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]')
      FROM json_each(NEW.events);

    INSERT INTO tasks (run, id, place, status, position, updated_at, data)
    SELECT NEW.id,
           json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
           json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]')
      FROM json_each(NEW.tasks) WHERE true
        ON CONFLICT (run, id) DO UPDATE SET
           status = excluded.status, position = excluded.position,
           updated_at = excluded.updated_at, data = excluded.data;

    UPDATE tasks
       SET position = json_extract(progress.value, '$[1]'),
           updated_at = json_extract(progress.value, '$[2]')
      FROM json_each(NEW.progress) AS progress
     WHERE tasks.run = NEW.id AND tasks.id = json_extract(progress.value, '$[0]');

    INSERT INTO breakpoints (run, id, place, open, data)
    SELECT NEW.id,
           json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
           json_extract(value, '$[3]')
      FROM json_each(NEW.breakpoints) WHERE true
        ON CONFLICT (run, id) DO UPDATE SET open = excluded.open, data = excluded.data;
END;
