from __future__ import annotations

import pytest


@pytest.fixture
def images(fake, fakes):
    """An engine that has no image until it was pulled."""
    pulled = []

    def create(_request):
        if not pulled:
            return fakes.Reply({"message": "No such image: img:latest"}, 404)
        return fakes.Reply({"Id": "c1", "Warnings": None}, 201)

    def pull(request):
        pulled.append(request.query)
        return fakes.Reply({"status": "Pulled", "id": "img"})

    fake.on("POST", "/containers/create", create)
    fake.on("POST", "/images/create", pull)
    return pulled


def test_a_missing_image_is_pulled(baleen, images):
    outcome = baleen("create", "--platform", "linux/arm64", "img")
    assert (outcome.code, outcome.out) == (0, "c1\n")
    assert outcome.err == "Unable to find image 'img:latest' locally\nimg: Pulled\n"
    assert images == [{"fromImage": ["img"], "tag": ["latest"], "platform": ["linux/arm64"]}]


def test_quiet_says_nothing_about_it(baleen, images):
    assert baleen("create", "-q", "img").err == ""
    assert len(images) == 1


def test_the_pull_policy_is_obeyed(baleen, images):
    outcome = baleen("create", "--pull", "never", "img")
    assert (outcome.code, images) == (1, [])
    assert outcome.err == "Error response from daemon: No such image: img:latest\n"
    assert baleen("create", "--pull", "always", "img").err == "img: Pulled\n"
    assert len(images) == 1


def test_another_missing_thing_is_not_pulled(baleen, fake, fakes, refusal):
    fake.on("POST", "/containers/create", refusal("network x not found"))
    outcome = baleen("create", "img")
    assert (outcome.code, outcome.err) == (1, "Error response from daemon: network x not found\n")


def test_the_id_file_and_warnings(baleen, fake, fakes, tmp_path):
    fake.on("POST", "/containers/create", fakes.Reply({"Id": "c1", "Warnings": ["w"]}, 201))
    outcome = baleen("create", "--cidfile", str(tmp_path / "id"), "img")
    assert outcome.err == "WARNING: w\n"
    assert (tmp_path / "id").read_text() == "c1"


def test_old_engines_are_given_one_network_at_creation(baleen, fake, fakes):
    fake.api_version = "1.43"
    fake.on("POST", "/containers/create", fakes.Reply({"Id": "c1"}, 201))
    fake.on("POST", "/networks/b/connect", fakes.Reply())
    baleen("create", "--network", "a", "--network", "name=b,alias=x", "img")
    sent = fake.last("/containers/create").json()["NetworkingConfig"]["EndpointsConfig"]
    assert sent == {"a": {}}
    assert fake.last("/networks/b/connect").json() == {
        "Container": "c1",
        "EndpointConfig": {"Aliases": ["x"]},
    }


def test_an_answer_without_an_id_is_an_error(baleen, fake, fakes):
    fake.on("POST", "/containers/create", fakes.Reply({}, 201))
    assert "created a container without an id" in baleen("create", "img").err
