"""The core's settings, under the names of Docker's registry."""

from __future__ import annotations

import pytest

from baleen import errors
from baleen.errors import InvalidArgument
from baleen.registry.configuration import read_tree
from baleen.registry.settings import load_settings


def load(**environment):
    return load_settings(read_tree(None, environment))


def test_defaults():
    settings = load()
    assert settings.storage.root == "/var/lib/registry"
    assert settings.http.addr == ":5000"
    assert not settings.delete_enabled
    assert settings.garbage.interval_s == 3600
    assert settings.retention == ()


def test_variables_that_people_use():
    settings = load(
        REGISTRY_HTTP_ADDR="127.0.0.1:5001",
        REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="/data",
        REGISTRY_STORAGE_DELETE_ENABLED="true",
        REGISTRY_LOG_LEVEL="debug",
        REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED="false",
        REGISTRY_HTTP_SECRET="not needed",
        REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR="inmemory",
    )
    assert settings.http.addr == "127.0.0.1:5001"
    assert settings.storage.root == "/data"
    assert settings.delete_enabled
    assert settings.log_level == "debug"
    assert settings.storage.upload_age_s is None


def test_garbage_and_retention():
    settings = load(
        REGISTRY_GARBAGE_ENABLED="false",
        REGISTRY_GARBAGE_GRACE="2h",
        REGISTRY_RETENTION_RULES_0_KEEP="3",
        REGISTRY_RETENTION_RULES_0_TAGS="ci-*",
        REGISTRY_RETENTION_RULES_1_AGE="30d",
    )
    assert settings.garbage.interval_s is None
    assert settings.garbage.grace_s == 7200
    assert [(rule.tags, rule.keep) for rule in settings.retention] == [("ci-*", 3), ("*", None)]


def test_a_driver_that_we_do_not_have_is_not_ignored():
    for name in ("REGISTRY_STORAGE", "REGISTRY_STORAGE_GCS_BUCKET"):
        with pytest.raises(errors.NotImplemented, match=r"storage\.gcs"):
            load(**{name: "gcs"})


@pytest.mark.parametrize(
    "variables",
    [
        {"REGISTRY_GARBAGE_GRACE": "soon"},
        {"REGISTRY_RETENTION_RULES_0_KEEP": "-1"},
        {"REGISTRY_RETENTION_RULES_0_TAGS": "*"},
        {"REGISTRY_RETENTION_RULES_0_AGE": "old"},
        {"REGISTRY_STORAGE_DELETE_ENABLED": "perhaps"},
    ],
)
def test_a_wrong_value_is_refused(variables):
    with pytest.raises(InvalidArgument):
        load(**variables)
