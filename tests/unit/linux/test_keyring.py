import errno
import os

from baleen.linux.keyring import join_session_keyring


def test_each_join_gives_another_keyring():
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            first, second = join_session_keyring(), join_session_keyring()
            code = int(not 0 < first != second > 0)
        except OSError as error:
            code = int(error.errno != errno.ENOSYS)
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
