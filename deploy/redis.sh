#!/bin/sh
# Redis with a user for each service: Superset's reaches its own keys alone, so that it cannot queue work for Airflow's workers.
# The last channel is that of Celery's questions to its workers: Redis wants a subscribed pattern spelled as it is subscribed to.
# All of it comes on standard input: a command line can be read by everyone on the machine.
set -eu
exec redis-server - <<CONFIGURATION
protected-mode no
dir /data
appendonly yes
maxmemory ${REDIS_MAXMEMORY}
maxmemory-policy noeviction
user default off
user airflow on >${REDIS_AIRFLOW_PASSWORD} ~* &* +@all -@admin -@dangerous +info +keys
user superset on >${REDIS_SUPERSET_PASSWORD} ~superset:* &superset:* &superset:/0.celery.pidbox +@all -@admin -@dangerous +info +keys
CONFIGURATION
