"""G07: tokens that are used elsewhere, or longer than they should be.

Attack: a token of one repository, service or issuer for another; a refresh token after a logout or
a changed password; tokens after the account is gone or a right withdrawn. Must: 401, at once where
the issuer is asked, and within the life of an access token (5 minutes by default) where it is not.
"""

from __future__ import annotations

import json

import jwt
import pytest
from token_world import claims_of, world, write_people

from baleen.registry.auth.keys import TrustedKeys
from baleen.registry.auth.tokens import TokenVerifier


async def test_a_token_is_for_its_repository_and_service(tmp_path):
    async with world(tmp_path) as registry:
        token = await registry.token("repository:ann/x:pull", "ann:secret")
        assert (await registry.request("GET", "/v2/ann/x/tags/list", token)).status == 404
        assert (await registry.request("GET", "/v2/ann/y/tags/list", token)).status == 401
        for change in ({"aud": "other"}, {"iss": "other"}, {"aud": ""}, {"aud": None}):
            claims = {**claims_of(token), **change}
            other = jwt.encode(
                claims, registry.key.key, algorithm="ES256", headers={"kid": registry.key.key_id}
            )
            assert (await registry.request("GET", "/v2/ann/x/tags/list", other)).status == 401


async def test_a_refresh_token_is_no_access_token_and_the_reverse(tmp_path):
    async with world(tmp_path) as registry:
        answer = await registry.post(
            grant_type="password", username="ann", password="secret", access_type="offline"
        )
        refresh, access = answer.json()["refresh_token"], answer.json()["access_token"]
        assert (await registry.request("GET", "/v2/", refresh)).status == 401
        answer = await registry.post(grant_type="refresh_token", refresh_token=access)
        assert answer.status == 401


async def refreshed(registry):
    answer = await registry.post(
        grant_type="password", username="ann", password="secret", access_type="offline"
    )
    return answer.json()["refresh_token"]


@pytest.mark.parametrize("how", ["logout", "password", "deletion", "renewed"])
async def test_a_refresh_token_dies_with_what_it_stands_for(tmp_path, how):
    async with world(tmp_path) as registry:
        refresh = await refreshed(registry)
        fields = {"grant_type": "refresh_token", "refresh_token": refresh}
        assert (await registry.post(**fields)).status == 200
        if how == "logout":
            assert (await registry.post("/token/revoke", token=refresh)).status == 200
        elif how == "password":
            write_people(registry.people, ann="another")
        else:
            write_people(registry.people, bob="geheim")
        assert (await registry.post(**fields)).status == 401
        # Also when an account of that name comes back.
        if how == "renewed":
            write_people(registry.people, ann="secret")
            assert (await registry.post(**fields)).status == 401


async def test_a_withdrawn_right_is_in_no_new_token(tmp_path):
    async with world(tmp_path) as registry:
        refresh = await refreshed(registry)
        registry.policy.write_text(json.dumps({"rules": []}))
        answer = await registry.post(
            grant_type="refresh_token", refresh_token=refresh, scope="repository:ann/x:pull"
        )
        assert answer.json()["scope"] == ""
        assert claims_of(answer.json()["access_token"])["access"] == []


async def test_an_access_token_outlives_its_account_by_no_more_than_its_life(tmp_path):
    async with world(tmp_path, life="60s") as registry:
        token = await registry.token("repository:ann/x:pull", "ann:secret")
        write_people(registry.people, bob="geheim")
        claims = claims_of(token)
        assert claims["exp"] - claims["iat"] == 60
        trusted = TrustedKeys.of(registry.key.public)
        for later, is_good in ((59.9, True), (60, False)):
            verifier = TokenVerifier(
                lambda: trusted,
                claims["iss"],
                claims["aud"],
                clock=lambda later=later: claims["iat"] + later,
            )
            if is_good:
                verifier.verify(token)
            else:
                with pytest.raises(Exception, match="expired"):
                    verifier.verify(token)


async def test_who_is_gone_gets_no_token(tmp_path):
    async with world(tmp_path) as registry:
        await registry.token("repository:ann/x:pull", "ann:secret")
        write_people(registry.people, bob="geheim")
        assert (await registry.ask("repository:ann/x:pull", "ann:secret")).status == 401
