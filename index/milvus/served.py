"""The collections that services answer from, noted in the collection of facts: no build drops one of them.

While a new model is rolled out, some services answer from the collection of the former one, whatever the alias says.
"""

import json
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress

from index.milvus.connection import MilvusConnection
from index.milvus.expressions import id_key
from models.errors import GalleryError

PREFIX = "serving:"
EVERY_S = 30.0
SERVED_S = 300.0  # after which a note counts no more, as the lease of a build
NO_VECTOR = [0.0, 1.0]  # Milvus wants one in every collection


class ServedCollections:
    """The notes of all services of a shop; this process writes one of its own, again and again."""

    def __init__(self, connection: MilvusConnection, facts: str) -> None:
        """`facts` is the collection of the shop's facts."""
        self._connection, self._facts = connection, facts
        self._key = f"{PREFIX}{socket.gethostname()[:48]}-{os.getpid()}"  # so that its next note replaces its last
        self._noted = -EVERY_S

    def note(self, collection: str) -> None:
        """Notes that this process answers from a collection, if it is time to; one that may not write cannot."""
        if time.monotonic() - self._noted < EVERY_S:
            return
        self._noted = time.monotonic()
        document = json.dumps({"collection": collection, "until": time.time() + SERVED_S})
        with suppress(GalleryError):
            self._connection.upsert(self._facts, [{"key": self._key, "document": document, "vector": NO_VECTOR}])

    def collections(self) -> set[str]:
        """The collections that services answer from."""
        notes = self._connection.query(self._facts, f'key like "{PREFIX}%"', ["document"], strong=True)
        facts = [json.loads(note["document"]) for note in notes]
        return {note["collection"] for note in facts if note["until"] > time.time()}

    def clear(self) -> None:
        """Removes the notes of services that have ended."""
        notes = self._connection.query(self._facts, f'key like "{PREFIX}%"', ["key", "document"], strong=True)
        old = [note["key"] for note in notes if json.loads(note["document"])["until"] <= time.time()]
        if old:
            self._connection.delete(self._facts, f"key in {json.dumps(old)}")

    def delete(self, ids: Sequence[str], *, besides: str) -> None:
        """Deletes items from all collections that services answer from, but one."""
        others = self.collections() - {besides} if ids else ()
        for collection in others:
            keys = ", ".join(f'"{id_key(id)}"' for id in ids)
            self._connection.delete(collection, f"key in [{keys}]")
