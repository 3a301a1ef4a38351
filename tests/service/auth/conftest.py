"""A file of keys, and the headers that carry them."""

from pathlib import Path

import pytest

from service.auth import keys

Keyring = tuple[Path, dict[str, str], dict[str, str]]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """A file with a key for searches and one for all, and the headers that carry them."""
    path = tmp_path / "keys.jsonl"
    search, admin = (
        keys.add(path, name=name, role=role, rate_per_s=None, burst=None)
        for name, role in (("shop", "search"), ("ops", "admin"))
    )
    return path, bearer(search), bearer(admin)
