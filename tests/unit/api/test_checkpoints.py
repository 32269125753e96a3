from baleen import api


def test_the_body_has_dockers_names():
    body = api.decode(
        api.CheckpointCreateBody, b'{"CheckpointID":"cp","CheckpointDir":"/d","Exit":true}'
    )
    assert body == api.CheckpointCreateBody(checkpoint_id="cp", checkpoint_dir="/d", exit=True)
    assert api.encode(api.Checkpoint(name="cp")) == b'{"Name":"cp"}'
