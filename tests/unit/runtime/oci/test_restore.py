import json

from baleen.runtime.default_spec import default_spec
from baleen.runtime.main import main


def test_bad_input_ends_before_anything_is_made(tmp_path, capfd):
    root, bundle = tmp_path / "root", tmp_path / "bundle"
    (bundle / "rootfs").mkdir(parents=True)
    image = tmp_path / "image"
    criu = tmp_path / "criu"
    criu.write_text("")
    criu.chmod(0o755)

    def fails(text, *words):
        command = ["--root", str(root), "--criu", str(criu), "restore", "-b", str(bundle)]
        assert main([*command, "--image-path", str(image), *words, "c1"]) == 1
        assert text in capfd.readouterr().err
        assert not root.exists()

    fails("cannot read")
    (bundle / "config.json").write_text(json.dumps(default_spec(["true"])))
    fails("cannot open the directory")
    image.mkdir(0o700)
    fails("no checkpoint")
    (image / "inventory.img").touch(0o600)
    fails("cannot read descriptors.json")
    (image / "container.log").symlink_to("/etc/shadow")
    fails("'container.log' is a symbolic link")
    fails("criu can only pivot_root", "--no-pivot")
    fails("lazy-pages", "--lazy-pages")
    fails("console socket", "--console-socket", "/x", "-d")
    criu.unlink()
    fails("need criu")
