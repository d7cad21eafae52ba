"""Places where secrets stand: files, code, chats, logs, mails, tool results (`places.yaml`)."""

from __future__ import annotations

from pathlib import Path

import yaml

_PLACES: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))

AROUND = _PLACES["around"]  # around a key in a vendor's format: no name is needed
KEY_PLACES = _PLACES["key_places"]
KEY_NAMES = _PLACES["key_names"]
PASSWORD_PLACES = _PLACES["password_places"]
USERS = _PLACES["users"]
HOSTS = _PLACES["hosts"]
SERVICES = _PLACES["services"]
CARRIERS = _PLACES["carriers"]  # around a secret in disguise
