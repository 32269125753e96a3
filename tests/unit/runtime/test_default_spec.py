from baleen.runtime.default_spec import default_spec


def test_each_document_is_new():
    one = default_spec()
    one["process"]["args"].append("x")
    one["linux"]["maskedPaths"].clear()
    assert default_spec()["process"]["args"] == ["sh"]
    assert default_spec()["linux"]["maskedPaths"]


def test_devices_are_denied_before_some_are_allowed():
    rules = default_spec()["linux"]["resources"]["devices"]
    assert rules[0] == {"allow": False, "access": "rwm"}
    assert all(rule["allow"] for rule in rules[1:])
    assert not any(rule.get("major") == 10 for rule in rules)
