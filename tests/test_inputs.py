"""Fingerprints of the files that a scenario names."""

from __future__ import annotations

import hashlib
from pathlib import Path

import cosim
from cosim.inputs import InputFile, InputFiles, sha256_of

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def test_files_are_remembered_once_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(name)
    files = InputFiles(lambda file: tmp_path / file)
    for name in ("b.csv", "a.csv", "b.csv"):
        assert files.resolve(name) == tmp_path / name
    expected = [InputFile(name, hashlib.sha256(name.encode()).hexdigest()) for name in ("a.csv", "b.csv")]
    assert list(files.fingerprints()) == expected


def test_a_system_knows_every_file_that_it_was_read_from() -> None:
    system = cosim.load(SCENARIOS / "outage_siouxfalls.yaml")
    assert system.scenario_sha256 == sha256_of(SCENARIOS / "outage_siouxfalls.yaml")
    files = [entry.file for entry in system.inputs]
    assert len(files) == len(set(files)) >= 4
    assert all(entry.sha256 == sha256_of(SCENARIOS / entry.file) for entry in system.inputs)
    assert {Path(file).suffix for file in files} == {".csv", ".tntp"}
