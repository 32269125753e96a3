"""Accounts and rights in memory, as a hub would have them."""

from __future__ import annotations

import pytest

from baleen.registry.auth.accounts import Account
from baleen.registry.auth.rights import parse_policy


class People:
    def __init__(self, **passwords):
        self.passwords = passwords

    async def authenticate(self, user, password, address):
        right = user in self.passwords and self.passwords[user] == password
        return await self.find(user) if right else None

    async def find(self, user):
        password = self.passwords.get(user)
        return Account(user, f"generation of {password}") if password is not None else None


POLICY = parse_policy(b"""
rules:
  - {repositories: ["public/**"], anonymous: true, actions: [pull]}
  - {repositories: ["{user}/**"], authenticated: true, actions: [pull, push, delete]}
  - {catalog: true, users: [ann]}
""")


@pytest.fixture
def people():
    return People(ann="secret", bob="geheim")


@pytest.fixture
def policy():
    return POLICY
