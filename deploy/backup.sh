#!/bin/sh
# A backup as soon as there is anything to back up, and then one a day; one that failed is tried again after an hour. The
# container is healthy while the last one that succeeded is younger than 26 hours.
set -u
while :; do
    if drypowder backup; then
        touch /tmp/backed-up
        pause="$BACKUP_EVERY_SECONDS"
    elif [ -d "$WAREHOUSE_HOME/archive" ]; then
        pause=3600
    else # nothing has landed yet
        pause=60
    fi
    sleep "$pause" &
    wait $!
done
