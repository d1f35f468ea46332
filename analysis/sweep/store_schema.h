/* analysis/sweep/store_schema.h -- the tables of sweep.sqlite. Private to store.c.
 *
 * SQLite keeps the text of CREATE statements, comments and all: ".schema" in sqlite3 shows a reader
 * what the columns mean. */
#ifndef ANALYSIS_SWEEP_STORE_SCHEMA_H
#define ANALYSIS_SWEEP_STORE_SCHEMA_H

#define STORE_TABLES                                                                               \
    "CREATE TABLE meta ( -- of the sweep as a whole\n"                                             \
    "  key TEXT PRIMARY KEY,   -- format, pfsim (its version), scenario (its name), world, seed "  \
    "(the first), repeat, metrics (of --metric, JSON), text (the scenario, nothing varied)\n"      \
    "  value TEXT NOT NULL\n"                                                                      \
    ") WITHOUT ROWID;\n"                                                                           \
    "CREATE TABLE keys ( -- of --vary: a row a value\n"                                            \
    "  key INTEGER,            -- 0.. in the order of the command line\n"                          \
    "  value INTEGER,          -- 0.. within the key\n"                                            \
    "  path TEXT NOT NULL,     -- sites[0].wan.rate\n"                                             \
    "  label TEXT NOT NULL,    -- 384 kbit/s\n"                                                    \
    "  number REAL,            -- 384000: bit/s, bytes, seconds or plain; NULL: no number\n"       \
    "  PRIMARY KEY (key, value)\n"                                                                 \
    ") WITHOUT ROWID;\n"                                                                           \
    "CREATE TABLE combinations ( -- one of each key's values\n"                                    \
    "  combination INTEGER PRIMARY KEY, -- 0.., the last key changes fastest\n"                    \
    "  at TEXT NOT NULL,       -- JSON: the keys' paths and values\n"                              \
    "  method TEXT NOT NULL,   -- traditional, pfs, load-server\n"                                 \
    "  phones INTEGER NOT NULL,\n"                                                                 \
    "  identity TEXT NOT NULL, -- SHA-256 over the scenario and its firmware's names and sizes\n"  \
    "  scenario TEXT NOT NULL  -- JSON as it ran; pfsim run takes it, from a file in this "        \
    "folder\n"                                                                                     \
    ");\n"                                                                                         \
    "CREATE TABLE runs ( -- a row a combination and seed, once it has ended\n"                     \
    "  run INTEGER PRIMARY KEY, -- number of the seed x combinations + combination\n"              \
    "  combination INTEGER NOT NULL REFERENCES combinations,\n"                                    \
    "  seed TEXT NOT NULL,     -- up to 2^64-1, so a text\n"                                       \
    "  status TEXT NOT NULL,   -- met; missed: a phone failed or a threshold was missed; invalid:" \
    " a live run whose machine fell behind; failed: no result\n"                                   \
    "  why TEXT NOT NULL,      -- what a failed run said\n"                                        \
    "  upgraded INTEGER,       -- phones\n"                                                        \
    "  failed INTEGER,         -- phones\n"                                                        \
    "  completion_p50_s REAL,  -- seconds after start.at until half of the phones had all files\n" \
    "  completion_p95_s REAL,\n"                                                                   \
    "  completion_last_s REAL,\n"                                                                  \
    "  back_last_s REAL,       -- until the last was back in service\n"                            \
    "  wan_bytes INTEGER,      -- packets towards the sites\n"                                     \
    "  wan_payload_bytes INTEGER, -- bodies of firmware files\n"                                   \
    "  wan_utilisation REAL,   -- mean over configured rate\n"                                     \
    "  gap REAL,               -- the last completion over the best that any scheme could do\n"    \
    "  result TEXT             -- the whole result document, JSON; its engine.wall_s, "            \
    "engine.peak_rss_bytes and peak_descriptors are 0\n"                                           \
    ");\n"                                                                                         \
    "CREATE TABLE figures ( -- every number of the result, and those of --metric\n"                \
    "  run INTEGER REFERENCES runs,\n"                                                             \
    "  name TEXT,              -- completion_s.p95, as for thresholds\n"                           \
    "  value REAL NOT NULL,\n"                                                                     \
    "  PRIMARY KEY (run, name)\n"                                                                  \
    ") WITHOUT ROWID;\n"                                                                           \
    "CREATE INDEX figures_by_name ON figures (name);\n"                                            \
    "CREATE TABLE sites ( -- a row a run and site; the first 10,000 sites of a run\n"              \
    "  run INTEGER REFERENCES runs,\n"                                                             \
    "  site INTEGER,           -- 0.. in the order of the scenario\n"                              \
    "  name TEXT NOT NULL,     -- branch#2\n"                                                      \
    "  class TEXT NOT NULL,    -- branch\n"                                                        \
    "  phones INTEGER, upgraded INTEGER, failed INTEGER,\n"                                        \
    "  completion_p50_s REAL, completion_p95_s REAL, completion_last_s REAL, back_last_s REAL,\n"  \
    "  wan_bytes INTEGER, wan_payload_bytes INTEGER, wan_busy_s REAL, wan_mean_bit_s INTEGER,\n"   \
    "  wan_configured_bit_s INTEGER, -- NULL: no line\n"                                           \
    "  wan_utilisation REAL, optimum_s REAL, gap REAL,\n"                                          \
    "  PRIMARY KEY (run, site)\n"                                                                  \
    ") WITHOUT ROWID;\n"

/* Where the columns of `runs` behind `why`, and those of `sites` behind `class`, come from. */
#define STORE_HEADLINES                                                                            \
    {                                                                                              \
        {"phones", "upgraded"}, {"phones", "failed"}, {"completion_s", "p50"},                     \
            {"completion_s", "p95"}, {"completion_s", "last"}, {"back_in_service_s", "last"},      \
            {"wan", "bytes"}, {"wan", "payload_bytes"}, {"wan", "utilisation"}, {"bounds", "gap"}, \
    }
#define STORE_SITE_FIGURES                                                                         \
    {                                                                                              \
        {"phones", "total"}, {"phones", "upgraded"}, {"phones", "failed"},                         \
            {"completion_s", "p50"}, {"completion_s", "p95"}, {"completion_s", "last"},            \
            {"back_in_service_s", "last"}, {"wan", "bytes"}, {"wan", "payload_bytes"},             \
            {"wan", "busy_s"}, {"wan", "mean_bit_s"}, {"wan", "configured_bit_s"},                 \
            {"wan", "utilisation"}, {"bounds", "optimum_s"}, {"bounds", "gap"},                    \
    }

/* The view `answers`, behind run, seed, status and a column a key. */
#define STORE_VIEW_COLUMNS                                                                         \
    ",\n    upgraded, failed, completion_p50_s, completion_p95_s, completion_last_s,"              \
    "\n    back_last_s, wan_bytes, wan_payload_bytes, wan_utilisation, gap"                        \
    "\n  FROM runs"

/* What is run again: in the end every run without figures, whoever took them. */
#define STORE_FORGET                                                                               \
    "DELETE FROM figures WHERE run IN (SELECT run FROM runs WHERE status IN "                      \
    "('failed', 'invalid'));"                                                                      \
    "DELETE FROM sites WHERE NOT EXISTS (SELECT 1 FROM figures WHERE figures.run = sites.run);"    \
    "DELETE FROM runs WHERE NOT EXISTS (SELECT 1 FROM figures WHERE figures.run = runs.run);"

#endif /* ANALYSIS_SWEEP_STORE_SCHEMA_H */
