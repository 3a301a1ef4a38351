#!/bin/sh
# Fetches a table or feed and builds the gallery from it: feed.sh FEED SERVICE HEADERS TYPE [QUERY], as for cron.
# HEADERS is a file with the line `authorization: Bearer KEY` of an admin key, so that no list of processes shows it.
# An unchanged feed makes no new snapshot; images are looked at again. Ends with 1 and the job on stderr if it failed.
set -eu
feed=$1 service=$2 headers=$3 type=$4 query=${5:-}
table=$(mktemp)
trap 'rm -f "$table"' EXIT
curl -fsS --retry 3 --max-time 600 -o "$table" "$feed"
job=$(curl -fsS --retry 3 -o /dev/null -w '%header{location}' -H "@$headers" -H "content-type: $type" \
    --data-binary "@$table" "$service/index?$query")
while state=$(curl -fsS --retry 3 -H "@$headers" "$service$job"); do
    case $state in
    *'"state":"done"'*) exit 0 ;;
    *'"state":"queued"'* | *'"state":"running"'*) sleep 5 ;;
    *) echo "$state" >&2 && exit 1 ;;
    esac
done
