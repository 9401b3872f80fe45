-- The doorbell's state (extension/src/doorbell*.cpp). meetlink.health() shows it.

-- How a transaction of this database that books and commits now wakes the daemon.
--   mode             preload: a worker sends one NOTIFY for many commits. notify: each sends its own.
--   preloaded        the server was started with shared_preload_libraries = 'meetlink'
--   launcher, worker process ids; null: not running. A worker leaves when nobody books.
--   problem, hint    why it is not as good as it could be, null when it is
--   library_version  of the C++ library that this session uses; version_hint says what to do when the
--                    extension in this database has another
create function meetlink.doorbell(
    out mode text, out preloaded boolean, out launcher integer, out worker integer, out problem text, out hint text,
    out library_version text, out version_hint text)
language c volatile parallel restricted as 'MODULE_PATHNAME', 'meetlink_doorbell';

comment on function meetlink.doorbell() is 'How a booking that commits now wakes the daemon, and what is wrong with that.';
