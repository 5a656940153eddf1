#!/bin/sh
# A backup at once and then one a day; one that failed is tried again after an hour. The container is healthy while the last
# one that succeeded is younger than 26 hours.
set -u
while :; do
    if drypowder backup; then
        touch /tmp/backed-up
        pause="$BACKUP_EVERY_SECONDS"
    else
        pause=3600
    fi
    sleep "$pause" &
    wait $!
done
