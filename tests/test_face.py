"""The public names of the package, and what makes them load late."""

import cosim


def test_all_is_sorted_and_there() -> None:
    assert list(cosim.__all__) == sorted(cosim.__all__)
    assert all(getattr(cosim, name) is not None for name in cosim.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    try:
        _ = cosim.no_such_name
    except AttributeError as error:
        assert str(error) == "module 'cosim' has no attribute 'no_such_name'"
