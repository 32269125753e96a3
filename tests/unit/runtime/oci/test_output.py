from baleen.runtime.oci.output import print_table, print_text


def test_columns_are_as_wide_as_their_widest_cell(capfd):
    print_table([["ID", "PID"], ["a-long-container-name", "7"]])
    assert capfd.readouterr().out == "ID                      PID\na-long-container-name   7\n"


def test_what_no_terminal_can_show_is_escaped(capfd):
    print_text("\udcff\n")
    assert capfd.readouterr().out == "\\udcff\n"
