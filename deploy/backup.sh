#!/bin/sh
# Copies the live snapshot and the journal of a gallery that may be in use: backup.sh GALLERY BACKUP.
# The order makes the copy whole, whatever is written meanwhile: the journal keeps what each of the last three
# snapshots lacks, and a picture is on the disk before its item is in the journal.
set -eu
gallery=$1
backup=$2
name=$(cat "$gallery/CURRENT")
mkdir -p "$backup/snapshots"
if [ ! -d "$backup/snapshots/$name" ]; then # a snapshot never changes
    rm -rf "$backup/snapshots/.part"
    cp -a "$gallery/snapshots/$name" "$backup/snapshots/.part"
    mv "$backup/snapshots/.part" "$backup/snapshots/$name"
fi
"${PYTHON:-python3}" - "$gallery/journal.sqlite" "$backup/journal.sqlite.new" <<'PYTHON'
import sqlite3, sys
source, copy = (sqlite3.connect(path) for path in sys.argv[1:])
source.backup(copy)  # of one moment, with what still lies in the write-ahead file
copy.close()
PYTHON
rm -f "$backup/journal.sqlite-wal" "$backup/journal.sqlite-shm" "$backup/journal.sqlite.new-wal" "$backup/journal.sqlite.new-shm"
if [ -d "$gallery/uploaded" ]; then
    cp -a "$gallery/uploaded" "$backup/"
fi
mv "$backup/journal.sqlite.new" "$backup/journal.sqlite"
printf '%s\n' "$name" >"$backup/CURRENT.new"
mv "$backup/CURRENT.new" "$backup/CURRENT"
