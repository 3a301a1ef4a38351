"""A key file, and the headers that carry its keys."""

from pathlib import Path

import pytest

from service.auth import keys

Keyring = tuple[Path, dict[str, str], dict[str, str]]


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    """A key file with a search key and an admin key, and the headers that carry them."""
    path = tmp_path / "keys.jsonl"
    search = keys.add(path, name="shop", role="search", rate_per_s=None, burst=None)
    admin = keys.add(path, name="ops", role="admin", rate_per_s=None, burst=None)
    return path, bearer(search), bearer(admin)
