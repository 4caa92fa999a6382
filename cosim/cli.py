"""The command line: the only place that prints.

Exit codes: 0 good; 1 anything else, a wrong command line too; 2 the scenario is wrong; 3 the run failed;
4 a run that was verified differs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cosim.command_line import WRONG_WORDS, make_parser
from cosim.errors import CosimError, CouplingError, ScenarioError

if TYPE_CHECKING:
    from cosim.experiment import Progress
    from cosim.privacy import Privacy
    from cosim.system import System

GOOD, OTHER, SCENARIO_WRONG, RUN_FAILED, DIFFERS = 0, WRONG_WORDS, 2, 3, 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words of the command line; default: those of the process.

    Returns:
        The exit code.
    """
    options = make_parser().parse_args(arguments)
    try:
        code = COMMANDS[options.command](options)
        sys.stdout.flush()
        return code
    except ScenarioError as error:
        return _failed(options, error, SCENARIO_WRONG)
    except CosimError as error:
        return _failed(options, error, RUN_FAILED)
    except KeyboardInterrupt:
        print(f"interrupted{_kept(options)}", file=sys.stderr)
        return OTHER
    except OSError as error:
        # Python flushes standard output once more at its exit, and whoever read it may have left.
        _drop_output()
        return OTHER if isinstance(error, BrokenPipeError) else _failed(options, error, OTHER)
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        return _failed(options, error, OTHER)


def _failed(options: argparse.Namespace, error: Exception, code: int) -> int:
    if options.debug:
        raise error
    unexpected = "" if isinstance(error, CosimError) else f"{type(error).__name__} (more with --debug): "
    print(f"{unexpected}{error}", file=sys.stderr)
    return code


def _kept(options: argparse.Namespace) -> str:
    """What an interrupted run has left, and how to go on with it."""
    out = getattr(options, "out", None)
    if not out:
        return ""
    from cosim.records.store import StoredRun

    try:
        if (Path(out) / "training.json").exists():
            from cosim.training import what_is_kept

            return f"; {what_is_kept(Path(out))}"
        stored = StoredRun(out)
    except CosimError:
        return ""
    return (
        f"; {stored.episodes} of {stored.metadata['episodes']} episodes are kept: "
        f"the same command with --resume {out} adds the others"
    )


def _drop_output() -> None:
    with suppress(OSError, ValueError):  # where standard output is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(options: argparse.Namespace) -> int:
    if _two_folders(options):
        return OTHER
    from cosim.experiment import run

    with _spinner("loading", show=not options.json):
        system = _load(options)
    with _quiet(options), _progress_bar("slots of all episodes", show=not options.json) as progress:
        results = run(
            system,
            episodes=options.episodes,
            replicas=options.replicas,
            workers=options.workers,
            out=options.out,
            resume=bool(options.resume),
            records=False,
            allow_code=options.allow_code,
            allow_remote=options.allow_remote,
            progress=progress,
        )
    if options.json:
        print(json.dumps(results.summary, allow_nan=False))
        return GOOD
    from rich.console import Console

    from cosim.report.terminal import summary_view

    Console().print(summary_view(results.summary))
    if options.out:
        kept = ", all of them from before: nothing was left to run" if results.episodes_run == 0 else ""
        print(f"records in {options.out}{kept}")
    return GOOD


def _compare(options: argparse.Namespace) -> int:
    from cosim.bound import ratio_bounds
    from cosim.evaluation import check_privacy, check_request, compare

    controllers = [name.strip() for name in options.controllers.split(",")]
    try:
        if len(options.vary or ()) > 1:
            raise ValueError("--vary can be given once")
        weights = _weights(options.weights)
        check_request(controllers, options.against, options.episodes, options.replicas, options.workers, weights)
        check_privacy(options.privacy, options.workers)
        _check_new_file(options.csv)
    except ValueError as error:
        print(f"cosim compare: {error}", file=sys.stderr)
        return OTHER
    with _quiet(options), _progress_bar("slots of all episodes", show=not options.json) as progress:
        comparison = compare(
            options.file,
            controllers,
            weights=weights,
            vary=options.vary[0] if options.vary else None,
            against=options.against,
            episodes=options.episodes,
            replicas=options.replicas,
            workers=options.workers,
            seed=options.seed,
            engine=options.engine,
            overrides=options.overrides,
            allow_code=options.allow_code,
            bound=ratio_bounds if options.bound else None,
            privacy=options.privacy,
            progress=progress,
        )
    if options.csv:
        comparison.write_csv(options.csv)
    if options.json:
        print(json.dumps(comparison.summary(), allow_nan=False))
        return GOOD
    from rich.console import Console

    from cosim.report.terminal import comparison_view

    Console().print(comparison_view(comparison.summary()))
    if options.csv:
        print(f"ratios of every episode in {options.csv}")
    return GOOD


def _weights(texts: Sequence[str]) -> dict[str, list[str]]:
    """Files by the name of their controller, as `--weights` has them; may be given again for more of them.

    Raises:
        ValueError: If one has another form.
    """
    weights: dict[str, list[str]] = {}
    for text in texts:
        name, equals, files = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"--weights must have the form NAME=FILE,FILE,..., got {text!r}")
        weights.setdefault(name.strip(), []).extend(file.strip() for file in files.split(","))
    return weights


def _check_new_file(name: str | None) -> None:
    """See to it that a file can be written once hours have passed.

    Raises:
        ValueError: If there is one already, or no folder for it.
    """
    if name is None:
        return
    if not name or Path(name).exists():
        raise ValueError(f"--csv {name}: must be a new file")
    if not Path(name).parent.is_dir():
        raise ValueError(f"--csv {name}: there is no folder {Path(name).parent}")


def _verify(options: argparse.Namespace) -> int:
    from cosim.verification import verify

    with _quiet(options), _progress_bar("slots of all episodes", show=not options.json) as progress:
        allowed = {"allow_code": options.allow_code, "allow_remote": options.allow_remote}
        verification = verify(options.folder, workers=options.workers, **allowed, progress=progress)
    if options.json:
        print(json.dumps(verification.summary(), allow_nan=False))
    else:
        from rich.console import Console

        from cosim.report.terminal import verification_view

        Console().print(verification_view(verification.summary()))
    return GOOD if verification.same else DIFFERS


def _train(options: argparse.Namespace) -> int:
    if not options.out and not options.resume:
        print("cosim train: name a new folder (--out DIR), or one to go on with (--resume DIR)", file=sys.stderr)
        return OTHER
    if len(options.vary or ()) > 1:
        print("cosim train: --vary can be given once", file=sys.stderr)
        return OTHER
    if _two_folders(options):
        return OTHER
    from cosim.loading import load, permit
    from cosim.scenario.overrides import parse_value
    from cosim.scenario.source import override_source
    from cosim.training import Training, load_variants, train

    chosen, settings = [], {}
    for override in options.overrides:
        name, equals, value = override.partition("=")
        if name.startswith("algorithm.") and equals:
            settings[name.removeprefix("algorithm.")] = parse_value(value, name, override_source(override))
        else:
            chosen.append(override)
    vary = "".join(options.vary or ())
    with _spinner("loading", show=not options.json):
        variants = load_variants(options.file, chosen, vary) if vary else {"": load(options.file, chosen)}
    systems = {name: permit(system, allow_code=options.allow_code) for name, system in variants.items()}
    training = Training(
        algorithm=options.algorithm,
        episodes=options.episodes,
        seed=options.seed,
        order=options.order,
        settings=settings,
        replicas=options.replicas,
        command=" ".join(["cosim", *sys.argv[1:]]),
        start=options.start,
        vary=vary,
        checkpoint_every=options.checkpoint_every,
    )
    with _training_bar(options.algorithm, show=not options.json) as shown:
        trained = train(
            systems,
            training,
            options.out,
            resume=bool(options.resume),
            track=options.track,
            actors=options.actors,
            **shown,
        )
    if options.json:
        print(json.dumps(trained.summary(), allow_nan=False))
        return GOOD
    for line in trained.lines():
        print(line)
    return GOOD


def _privacy(options: argparse.Namespace) -> int:
    from cosim.errors import RepetitionError
    from cosim.privacy import DEFAULT_EPISODES, privacy, privacy_of_run

    attack: Callable[..., Privacy]
    if Path(options.file).is_dir():
        another = _asks_for_another_run(options)
        if another:
            print(f"cosim privacy: {another} would make another run of {options.file}; leave it out", file=sys.stderr)
            return OTHER
        attack = partial(privacy_of_run, options.file, episodes=options.episodes)
    else:
        if options.episodes is not None and options.episodes % 2:
            problem = f"--episodes must be an even number, got {options.episodes}: half of them teach the attackers"
            print(f"cosim privacy: {problem}", file=sys.stderr)
            return OTHER
        with _spinner("loading", show=not options.json):
            system = _load(options)
        attack = partial(privacy, system, episodes=options.episodes or DEFAULT_EPISODES)
    try:
        with _quiet(options), _progress_bar("slots of all episodes", show=not options.json) as progress:
            found = attack(allow_code=options.allow_code, progress=progress)
    except RepetitionError as error:
        return _failed(options, error, DIFFERS)
    if options.json:
        print(json.dumps(found.summary(), allow_nan=False))
        return GOOD
    from rich.console import Console

    from cosim.report.privacy_view import privacy_view

    Console().print(privacy_view(found.summary()))
    return GOOD


def _asks_for_another_run(options: argparse.Namespace) -> str:
    """The first option that changes what a run is; empty if there is none."""
    given = {"--controller": options.controller, "--seed": options.seed, "--engine": options.engine}
    changes = [name for name, value in given.items() if value is not None] + ["--set"] * bool(options.overrides)
    return changes[0] if changes else ""


def _report(options: argparse.Namespace) -> int:
    from cosim.report.making import make_report

    with _progress_bar("episodes read", show=True) as progress:
        make_report(options.folders, options.out, episode=options.episode, progress=progress)
    print(f"page in {options.out}")
    return GOOD


def _figures(options: argparse.Namespace) -> int:
    from cosim.report.making import make_figures

    formats = [name.strip() for name in options.format.split(",") if name.strip()]
    with _progress_bar("pictures", show=True) as progress:
        count = make_figures(options.folders, options.out, formats=formats, episode=options.episode, progress=progress)
    print(f"{count} pictures in {options.out}")
    return GOOD


def _bound(options: argparse.Namespace) -> int:
    from cosim.bound import restoration_bound

    with _spinner("loading", show=not options.json):
        system = _load(options)
    with _progress_bar("episodes", show=not options.json) as progress:
        bound = restoration_bound(system, episodes=options.episodes, allow_code=options.allow_code, progress=progress)
    if options.json:
        print(json.dumps(bound.summary(), allow_nan=False))
        return GOOD
    from rich.console import Console

    from cosim.report.terminal import bound_view

    Console().print(bound_view(bound.summary()))
    return GOOD


def _queue(options: argparse.Namespace) -> int:
    from cosim.queueing.designs import run_designs
    from cosim.queueing.pictured import curve_of, seen_of
    from cosim.queueing.plan import make_plan
    from cosim.queueing.study import Request, run_study
    from cosim.queueing.target import parse_target
    from cosim.queueing.trace import check_trace, trace, write_trace
    from cosim.report.queue_figures import check_figures, draw_curve, draw_station
    from cosim.scenario.study_loader import load_study
    from cosim.scenario.variation import parse_variation

    try:
        request = Request(
            replications=options.replications,
            **_warm_up(options.warm_up),
            limits_h=_hours("--limits", options.limits),
            theory=options.theory,
        )
        if options.target and not options.vary:
            raise ValueError("--target needs --vary, the designs to choose from")
        if options.trace and options.vary:
            raise ValueError("--trace is of one design; leave --vary out, and set its value with --set")
    except ValueError as error:
        print(f"cosim queue: {error}", file=sys.stderr)
        return OTHER
    if options.trace:
        check_trace(Path(options.trace))
    if options.figures:
        check_figures(Path(options.figures))
    overrides = [*options.overrides, *([] if options.seed is None else [f"seed={options.seed}"])]
    if options.vary:
        variation, target = parse_variation(options.vary), parse_target(options.target) if options.target else None
        with _progress_bar("designs", show=not options.json) as progress:
            designs = run_designs(
                options.file, overrides, variation, request, target, workers=options.workers, progress=progress
            )
        found = designs.summary()
        if options.figures:
            curve = curve_of(designs, target.measure if target else "waiting_time_p90_h")
            files = draw_curve(Path(options.figures), curve) if curve else []
    else:
        plan = make_plan(load_study(options.file, overrides))
        with _progress_bar("replications", show=not options.json) as progress:
            found = run_study(plan, request, progress).summary()
        if options.trace:
            write_trace(Path(options.trace), trace(plan))
        if options.figures:
            files = [file for seen in seen_of(plan, request) for file in draw_station(Path(options.figures), seen)]
    if options.json:
        print(json.dumps(found, allow_nan=False))
        return GOOD
    from rich.console import Console

    from cosim.report.queue_view import designs_view, study_view

    view = designs_view(found, designs.station, target.measure if target else "") if options.vary else study_view(found)
    Console().print(view)
    if options.trace:
        print(f"every event of the first replication in {options.trace}")
    if options.figures:
        print(f"{len(files)} pictures in {options.figures}")
    return GOOD


def _hours(option: str, text: str) -> tuple[float, ...]:
    """Hours above 0, as an option lists them.

    Raises:
        ValueError: If they are something else.
    """
    try:
        hours = tuple(float(part) for part in text.split(",") if text)
    except ValueError:
        hours = (-1.0,)
    if not all(0.0 < value < float("inf") for value in hours):
        raise ValueError(f"{option} must be hours above 0, got {text!r}")
    return hours


def _warm_up(text: str | None) -> dict[str, Any]:
    """What `--warm-up` asks for.

    Raises:
        ValueError: If it is neither hours nor a method.
    """
    if text is None:
        return {}
    if text == "mser-5":
        return {"warm_up_by": text}
    try:
        return {"warm_up_h": float(text)}
    except ValueError as error:
        raise ValueError(f"--warm-up must be hours or mser-5, got {text!r}") from error


def _two_folders(options: argparse.Namespace) -> bool:
    """Take the folder of --resume for --out; two different ones are a mistake."""
    if options.out and options.resume and Path(options.out).resolve() != Path(options.resume).resolve():
        print(
            f"cosim {options.command}: --out {options.out} and --resume {options.resume} must be one folder",
            file=sys.stderr,
        )
        return True
    options.out = options.out or options.resume
    return False


def _quiet(options: argparse.Namespace) -> AbstractContextManager[object]:
    """A controller may print; with --json that must not be where the object goes."""
    return redirect_stdout(sys.stderr) if options.json else nullcontext()


def _load(options: argparse.Namespace) -> System:
    """Load the scenario; mistakes in options of their own are shown as they were typed."""
    from cosim.loading import load_as_typed, typed_choices
    from cosim.scenario.source import override_source

    chosen = typed_choices(**{name: getattr(options, name, None) for name in ("seed", "engine", "controller")})
    overrides = [(override, override_source(override)) for override in options.overrides]
    return load_as_typed(options.file, [*chosen, *overrides])


@contextmanager
def _spinner(what: str, *, show: bool) -> Iterator[None]:
    """A sign of life, on standard error and on terminals only."""
    if not show or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextmanager
def _progress_bar(what: str, *, show: bool) -> Iterator[Progress | None]:
    """A bar with the time left, on standard error and on terminals only."""
    if not show or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _training_bar(algorithm: str, *, show: bool) -> Iterator[dict[str, Callable[..., None]]]:
    """A bar with rewards, restoration, losses, speed and time left, on standard error and on terminals only."""
    if not show or not sys.stderr.isatty():
        yield {"on_notice": lambda text: print(text, file=sys.stderr)}
        return
    from rich.console import Console

    from cosim.report.training_bar import TrainingBar

    with TrainingBar(algorithm, Console(stderr=True)) as bar:
        yield {"on_begin": bar.begin, "on_round": bar.show, "on_notice": bar.console.print}


def _check(options: argparse.Namespace) -> int:
    from cosim.loading import load
    from cosim.scenario.study_loader import is_study
    from cosim.scenario.wording import one_line

    if is_study(options.file):
        from cosim.queueing.plan import make_plan
        from cosim.scenario.study_loader import load_study

        plan = make_plan(load_study(options.file, options.overrides))
        groups = f"{len(plan.groups)} groups of customers, {len(plan.designs)} stations, {plan.span.hours:g} h"
        print(f"{one_line(options.file)}: good ({plan.name}: {groups})")
        return GOOD
    system = load(options.file, options.overrides)
    scenario = system.scenario
    code = f"; the code of {scenario.controller.name} is not looked at" if ":" in scenario.controller.name else ""
    parts = {"EV": scenario.fleet.size, "station": len(scenario.stations), "microgrid": len(system.microgrids)}
    sizes = ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in parts.items())
    slots = f"{scenario.clock.slots} slots of {scenario.clock.slot_s} s"
    print(f"{one_line(options.file)}: good ({scenario.name}: {sizes}, {slots}){code}")
    return GOOD


def _schema(options: argparse.Namespace) -> int:
    from cosim.scenario.queue_schema import QueueStudy
    from cosim.scenario.schema import Scenario

    model = QueueStudy if options.what == "queue" else Scenario
    print(json.dumps(model.model_json_schema(), indent=2))
    return GOOD


def _controllers(options: argparse.Namespace) -> int:
    from agents.registry import CONTROLLERS

    for entry in CONTROLLERS:
        print(f"{entry.name:17} {entry.about}" + (f" (needs ev-cosim[{entry.extra}])" if entry.extra else ""))
    print(f"{'module:Class':17} your own, with --allow-code; see docs/guides/controller.md")
    return GOOD


def _engines(options: argparse.Namespace) -> int:
    from cosim.grid.power_flow import ENGINES

    if options.check:
        return _check_engines(options)
    if options.names:
        raise ValueError("names of engines go with --check")
    if options.json:
        print(json.dumps([{"name": e.name, "about": e.about, "installed": e.installed} for e in ENGINES], indent=2))
        return GOOD
    for engine in ENGINES:
        missing = "" if engine.installed else f" (needs ev-cosim[{engine.extra}])"
        print(f"{engine.name:18} {engine.about}{missing}")
    print(f"{'module:Class':18} your own, with --allow-code; see docs/guides/coupling.md")
    return GOOD


def _check_engines(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from cosim.foreign_code import is_foreign
    from cosim.grid.conformance import check_engine
    from cosim.grid.power_flow import ENGINES

    names = options.names or [engine.name for engine in ENGINES if engine.installed]
    foreign = [name for name in names if is_foreign(name)]
    if foreign and not options.allow_code:
        raise CouplingError(f"engine {foreign[0]!r} is code from outside ev-cosim; allow it with --allow-code")
    found = [{**asdict(one), "passed": one.passed} for one in map(check_engine, names)]
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        from rich.console import Console

        from cosim.report.engines_view import engines_view

        Console().print(engines_view(found))
    return GOOD if all(one["passed"] for one in found) else DIFFERS


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": _run,
    "compare": _compare,
    "verify": _verify,
    "train": _train,
    "bound": _bound,
    "check": _check,
    "schema": _schema,
    "controllers": _controllers,
    "engines": _engines,
    "privacy": _privacy,
    "report": _report,
    "figures": _figures,
    "queue": _queue,
}
"""What does each command's work."""
