"""The machine a run was computed on is described."""

from luthier import environment


def test_a_run_is_described_by_versions_machine_and_command():
    about = environment.describe()
    assert about["packages"]["torch"]
    assert about["cores"] >= 1
    assert about["memory_gib"] > 0
