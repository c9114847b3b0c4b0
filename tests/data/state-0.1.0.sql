-- The database of kaimond 0.1.0 (schema 1), kept for ever: every later version must read it.
BEGIN TRANSACTION;
CREATE TABLE calls (
    agent TEXT NOT NULL,
    request TEXT NOT NULL,
    made REAL NOT NULL,
    call TEXT NOT NULL,
    PRIMARY KEY (agent, request)
) STRICT;
INSERT INTO "calls" VALUES('9f3e1c2a00000000','7',1795000110.0,'{"tool": "ex", "eval": "11223344"}');
CREATE TABLE evals (
    id TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    finished REAL NOT NULL,
    eval TEXT NOT NULL
) STRICT;
INSERT INTO "evals" VALUES('11223344','a3f8b2c1',0.0,'{"id": "11223344", "session": "a3f8b2c1", "boot_id": "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0", "code": "1 + 1", "agent": "9f3e1c2a", "submitted": 1795000110.0, "quiet": false, "began": 1795000110.1, "finished": 0.0, "waited_for": "", "outcome": null}');
INSERT INTO "evals" VALUES('55667788','a3f8b2c1',1795000111.0,'{"id": "55667788", "session": "a3f8b2c1", "boot_id": "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0", "code": "1 + 1", "agent": "9f3e1c2a", "submitted": 1795000110.0, "quiet": false, "began": 1795000110.1, "finished": 1795000111.0, "waited_for": "", "outcome": {"status": "done", "elapsed": 0.5, "output": 3, "parts": [["value:text/plain", "Mg=="]], "reason": ""}}');
CREATE TABLE sessions (
    key TEXT PRIMARY KEY,
    ended REAL NOT NULL,
    record TEXT NOT NULL
) STRICT;
INSERT INTO "sessions" VALUES('a3f8b2c1',0.0,'{"key": "a3f8b2c1", "project": "/home/ada/Proj", "name": "", "state": "ready", "spawned_by": "agent", "created": 1795000000.0, "generation": 3, "proving": 3, "nonce": "00ff", "boot_id": "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0", "pid": 999999999, "process_start": "12345", "plan": "dddddddddddddddd", "julia": "/usr/bin/julia", "julia_version": "1.11.2", "started": 1795000100.0, "ready": 1795000101.5, "ended": 0.0, "ending": "", "exit_code": null, "exit_signal": null, "last_output": ""}');
INSERT INTO "sessions" VALUES('0f5b58b7',1795000200.0,'{"key": "0f5b58b7", "project": "/home/ada/Other", "name": "scratch", "state": "crashed", "spawned_by": "ctl", "created": 1794000000.0, "generation": 1, "proving": 1, "nonce": "", "boot_id": "", "pid": 4242, "process_start": "77", "plan": "", "julia": "", "julia_version": "", "started": 0.0, "ready": 0.0, "ended": 1795000200.0, "ending": "Its process 4242 was killed by SIGKILL, unasked.", "exit_code": null, "exit_signal": 9, "last_output": "the end"}');
CREATE INDEX evals_by_session ON evals (session, finished);
COMMIT;
PRAGMA user_version = 1;
