#!/bin/sh
# A database and its owner for each service, and one role that reads all and changes nothing. Run at every start, so that it
# also sets the passwords that `.env` says now. It comes over the server's own socket, which no other container has.
set -eu
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\getenv postgres POSTGRES_PASSWORD
\getenv airflow POSTGRES_AIRFLOW_PASSWORD
\getenv superset POSTGRES_SUPERSET_PASSWORD
\getenv backup POSTGRES_BACKUP_PASSWORD
-- Passwords stand in these statements: the server's log does not.
set log_statement = 'none';
set log_min_error_statement = 'panic';
select format('create role %I login', name) from unnest(array['airflow', 'superset', 'backup']) as name
    where not exists (select from pg_roles where rolname = name) \gexec
alter role postgres password :'postgres';
alter role airflow password :'airflow';
alter role superset password :'superset';
alter role backup password :'backup';
grant pg_read_all_data to backup;
alter role backup set default_transaction_read_only = on;
select format('create database %I owner %I', name, name) from unnest(array['airflow', 'superset']) as name
    where not exists (select from pg_database where datname = name) \gexec
revoke all on database airflow, superset, postgres, template1 from public;
grant connect on database airflow, superset to backup;
SQL
