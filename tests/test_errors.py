"""The exception tree, and how a mistake reads."""

import pickle

import pytest

from cosim import errors
from cosim.errors import CosimError, ScenarioError, ScenarioIssue


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    names = [word for word in (errors.__doc__ or "").replace("─", " ").split() if word.endswith("Error")]
    classes = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, CosimError)]
    assert sorted(names) == sorted(cls.__name__ for cls in classes)


def test_an_issue_reads_place_path_problem() -> None:
    issue = ScenarioIssue("fleet.size", "must be at least 0, got -3", "outage.yaml", 41)
    assert str(issue) == "outage.yaml:41: fleet.size: must be at least 0, got -3"
    assert str(ScenarioIssue("", "is empty", "outage.yaml")) == "outage.yaml: is empty"


def test_a_scenario_error_says_all_of_it() -> None:
    error = ScenarioError([ScenarioIssue("a", "wrong"), ScenarioIssue("b", "wrong too")])
    assert str(error) == "a: wrong\nb: wrong too"


@pytest.mark.parametrize(
    "name", [name for name in dir(errors) if isinstance(getattr(errors, name), type) and name.endswith("Error")]
)
def test_errors_travel_between_processes(name: str) -> None:
    cls = getattr(errors, name)
    error = cls([ScenarioIssue("a", "wrong", "x.yaml", 3), ScenarioIssue("b", "too")] if cls is ScenarioError else "oh")
    read = pickle.loads(pickle.dumps(error))
    assert type(read) is cls
    assert str(read) == str(error)
    assert getattr(read, "issues", None) == getattr(error, "issues", None)
