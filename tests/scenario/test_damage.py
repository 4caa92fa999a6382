"""Whatever is wrong with a scenario: exit code 2, a line for each mistake, and nothing else happens."""

import json
import re
import signal
import subprocess
import sys
from collections import Counter

import pytest
from damage import MAIN, SCENARIOS, bombs, damages, good_data, good_tree, overrides, yaml_of

from cosim import workers
from cosim.cli import main

DAMAGES = [damage for damage in damages() if not damage.bomb]
BOMBS = list(bombs())
SECONDS = 20
LONGEST_LINE = 1300

#: Runs the command line on each file, with as much memory as the machine may lose.
DRIVER = """
import contextlib, io, json, resource, signal, sys
from cosim.cli import main
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
for file in sys.argv[1:]:
    out, err = io.StringIO(), io.StringIO()
    signal.alarm(20)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["check", file])
    print(json.dumps([code, out.getvalue(), err.getvalue()]), flush=True)
"""


@pytest.fixture(autouse=True)
def never_run(monkeypatch):
    """A run is a mistake of ours, and nothing may hang."""
    monkeypatch.setattr(workers, "run_world", lambda *_: pytest.fail("it runs"))

    def too_long(*_):
        raise TimeoutError("it hangs")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def put(damage, folder):
    """Write a damage and the good files beside it."""
    file = folder / "outage.yaml"
    with_data = not isinstance(damage.text, bytes) or b"data/" in damage.text
    good = {name: text.encode() for name, text in good_data().items()} if with_data else {}
    for name in good:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for name, content in {**good, **damage.data, file.name: damage.text}.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            content(folder / name)
    return file


def check_lines(errors, places):
    """Hold what was printed against the rules for messages."""
    lines = errors.splitlines()
    assert lines, "it says nothing"
    for line in lines:
        assert re.match(r"(/.*?(:\d+)?|--set .*|--set): ", line) or re.fullmatch(r"and \d+ more mistakes", line), line
        assert line.isprintable(), repr(line)
        assert len(line) <= LONGEST_LINE
        assert not re.search(r"Traceback|pydantic|\[type=|<class|object at 0x", line), line
    for place in places:
        assert place in errors, errors[:2000]


@pytest.mark.parametrize("number", range(len(DAMAGES)), ids=lambda number: ascii(str(DAMAGES[number]))[1:80])
def test_damage(number, tmp_path, capsys, monkeypatch):
    damage = DAMAGES[number]
    file = put(damage, tmp_path)
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code = main(["run", str(file), "--out", "out", "--allow-code"])
    out, errors = capsys.readouterr()
    assert (code, out) == (2, ""), errors
    check_lines(errors, damage.places)
    assert sorted(tmp_path.rglob("*")) == before
    if number % 20 == 0:
        assert main(["check", str(file)]) == 2
        assert capsys.readouterr() == ("", errors)


def test_bombs(tmp_path):
    files = []
    for number, bomb in enumerate(BOMBS):
        (tmp_path / str(number)).mkdir()
        files.append(str(put(bomb, tmp_path / str(number))))
    command = [sys.executable, "-c", DRIVER, *files]
    signal.alarm(SECONDS * 10)
    run = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS * 9, cwd=SCENARIOS.parent, check=False
    )
    results = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(results) == len(BOMBS), f"{BOMBS[len(results)]}: {run.returncode} {run.stderr[-500:]}"
    for bomb, (code, out, errors) in zip(BOMBS, results, strict=True):
        assert (code, out) == (2, ""), bomb
        assert len(errors.splitlines()) <= 101
        check_lines(errors, bomb.places)


@pytest.mark.parametrize("number", range(len(overrides())))
def test_hostile_overrides(number, tmp_path, capsys, monkeypatch):
    assignment, place = overrides()[number]
    monkeypatch.chdir(tmp_path)
    file = SCENARIOS / f"{MAIN}.yaml"
    assert main(["run", str(file), "--out", "out", f"--set={assignment}"]) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    check_lines(errors, [place])
    assert not list(tmp_path.iterdir())
    if number % 20 == 0:
        assert main(["check", str(file), f"--set={assignment}"]) == 2
        assert capsys.readouterr() == ("", errors)


def test_there_is_enough_damage():
    names = [str(damage) for damage in [*DAMAGES, *BOMBS]]
    assert len(names) == len(set(names)) >= 500
    assert len({damage.text for damage in DAMAGES if isinstance(damage.text, bytes) and not damage.data}) >= 500
    assert min(Counter(damage.kind for damage in [*DAMAGES, *BOMBS]).values()) >= 20
    assert len(overrides()) >= 100


def test_undamaged_scenarios_are_good(tmp_path, capsys):
    """What the damages are made from, written in the same way."""
    for scenario in sorted(SCENARIOS.glob("outage_*.yaml")):
        good = type(DAMAGES[0])("none", scenario.stem, yaml_of(good_tree(scenario.stem)))
        assert main(["check", str(put(good, tmp_path))]) == 0
        assert capsys.readouterr().err == ""


# ---------------------------------------------------------------------------------------------------- code

STRANGERS = (
    "os:system", "subprocess:Popen", "builtins:exec", "builtins:eval", "shutil:rmtree", "stranger:Controller",
    "stranger:touch", "pathlib:Path", "agentsx:C", "agents_:C", "cosim.cli:main", "Agents.registry:Entry", "sys:exit",
)  # fmt: skip
NOT_THERE = (
    "agents.baselines.greedy:Greedy", "agents.os:system", "agents.stranger:Controller", "agents.registry:importlib",
    "agents.registry:Entry", "agents.registry.importlib:import_module", "agents:DISTRIBUTION",
    "agents.__init__:DISTRIBUTION", "agents.baselines.greedy.GreedyController:act", "agents.registry:make_controller",
)  # fmt: skip
NO_NAMES = (
    "os.system", "..", ".", "../evil", "/bin/sh", "os:system()", "os:system('touch ran')",
    "__import__('os').system('x')", "os:path:join", ":", "a:", ":b", ".os:system", "..agents:X",
    "agents..registry:Entry", "agents.:X",
    "a/b:C", "a b:C",
    "lambda:0;x", "greedy ", "GREEDY", "greedy\n", "os:\x1b[31m", "1:2", "$(touch ran):C",
)  # fmt: skip


@pytest.fixture
def with_stranger(tmp_path, monkeypatch):
    """A scenario that names a controller, beside a module that leaves a file when it is imported."""
    (tmp_path / "stranger.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)

    def write(name):
        file = tmp_path / "outage.yaml"
        file.write_bytes(yaml_of(good_tree(MAIN) | {"controller": {"name": name}}))
        return str(file)

    yield write
    sys.modules.pop("stranger", None)


@pytest.mark.parametrize("name", STRANGERS)
def test_code_of_strangers_needs_to_be_allowed(name, with_stranger, tmp_path, capsys):
    file = with_stranger(name)
    assert main(["run", file, "--out", "out"]) == 3
    refusal = f"controller {name!r} is code from outside ev-cosim; allow it with --allow-code (allow_code=True)\n"
    assert capsys.readouterr() == ("", refusal)
    assert main(["check", file]) == 0
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out").exists()
    assert "stranger" not in sys.modules


@pytest.mark.parametrize("name", NOT_THERE)
def test_our_own_package_is_no_way_to_other_code(name, with_stranger, tmp_path, capsys):
    assert main(["run", with_stranger(name), "--out", "out"]) == 3
    out, errors = capsys.readouterr()
    assert out == ""
    assert errors.startswith(f"controller {name!r}")
    assert errors.count("\n") == 1
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_of_a_controller_is_a_mistake(name, with_stranger, tmp_path, capsys):
    assert main(["run", with_stranger(name), "--out", "out", "--allow-code"]) == 2
    out, errors = capsys.readouterr()
    assert out == ""
    check_lines(errors, ["controller.name: "])
    assert not (tmp_path / "ran").exists()


def test_code_runs_once_it_is_allowed(with_stranger, tmp_path, capsys):
    """So that the tests above would see it."""
    assert main(["run", with_stranger("stranger:Controller"), "--allow-code"]) == 3
    assert "has no class 'Controller'" in capsys.readouterr().err
    assert (tmp_path / "ran").exists()


def test_code_on_the_command_line_needs_to_be_allowed_too(with_stranger, tmp_path, capsys):
    assert main(["run", with_stranger("greedy"), "--controller", "stranger:Controller"]) == 3
    assert "--allow-code" in capsys.readouterr().err
    assert not (tmp_path / "ran").exists()
