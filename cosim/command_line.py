"""The words of the command line: every command with its options and their help."""

from __future__ import annotations

import argparse
import sys
from typing import Any, NoReturn

from cosim._version import __version__

#: Exit code of a wrong command line; 2 is kept for scenarios.
WRONG_WORDS = 1


class _Parser(argparse.ArgumentParser):
    """Keeps exit code 2 for scenarios."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(WRONG_WORDS, f"{self.prog}: {message}\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser; `command` of what it reads is the command's name."""
    parser = _Parser(
        prog="cosim", description="Co-simulation of electric vehicles in a damaged power system.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"cosim {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=_Parser)

    _add_run(commands)
    _add_compare(commands)
    _add_verify(commands)
    _add_report(commands)
    _add_train(commands)
    _add_bound(commands)
    _add_privacy(commands)
    _add_queue(commands)
    _add_scenario(_add(commands, "check", "say everything that is wrong with a scenario"))
    _add_schema(commands)
    _add(commands, "controllers", "list the controllers that ship")
    _add_engines(commands)
    return parser


def _add_run(commands: Any) -> None:
    run = _add(commands, "run", "run a scenario and show its metrics")
    _add_scenario(run)
    run.add_argument(
        "--episodes",
        type=_count,
        metavar="N",
        help="number of episodes (default: 16, or with --resume those that the run was to have)",
    )
    run.add_argument("--controller", metavar="NAME", help="who decides; see `cosim controllers`")
    _add_run_options(run)
    run.add_argument("--out", metavar="DIR", help="write records, metadata and summary to a new folder")
    run.add_argument(
        "--resume",
        metavar="DIR",
        help="go on with the run in DIR, which was interrupted or is to have more episodes; begins one in a new folder",
    )
    _add_json_and_code(run)
    _add_allow_remote(run)


def _add_compare(commands: Any) -> None:
    compare = _add(commands, "compare", "run controllers on the same held-out episodes and compare them")
    _add_scenario(compare)
    compare.add_argument(
        "--controllers",
        required=True,
        metavar="A,B,...",
        help="who is compared; see `cosim controllers`; NAME=CONTROLLER gives one another name",
    )
    compare.add_argument(
        "--weights",
        action="append",
        default=[],
        metavar="A=FILE,...",
        help="weights of a controller that has learned, one file per training seed (default: those that ship)",
    )
    compare.add_argument("--against", metavar="NAME", help="whom the others are held against (default: the first)")
    compare.add_argument(
        "--vary",
        action="append",
        metavar="K=V",
        help="a number of the scenario and its values, fleet.size=20:60:10 (both ends included) or fleet.size=20,30",
    )
    compare.add_argument(
        "--bound",
        action="store_true",
        help="show what part of the bound each reaches; takes about a second per episode and point, see `cosim bound`",
    )
    compare.add_argument(
        "--privacy",
        action="store_true",
        help="show what EVs disclose and send, in use and in training, as `cosim privacy` counts it; in one process",
    )
    compare.add_argument("--episodes", type=_count, default=256, metavar="N", help="number of episodes (default: 256)")
    compare.add_argument("--csv", metavar="FILE", help="write the ratios of every episode to a new file")
    _add_run_options(compare)
    _add_json_and_code(compare)


def _add_verify(commands: Any) -> None:
    verify = _add(commands, "verify", "run a stored run again and compare every record to the last bit")
    verify.add_argument("folder", metavar="DIR", help="run folder, also of a run that was interrupted")
    verify.add_argument("--workers", type=_count, default=1, metavar="N", help="processes (default: 1)")
    _add_json_and_code(verify)
    _add_allow_remote(verify)


def _add_train(commands: Any) -> None:
    train = _add(commands, "train", "train a fleet")
    _add_scenario(train)
    train.add_argument("--algorithm", required=True, metavar="NAME", help="what learns, e.g. maddqn")
    train.add_argument("--episodes", type=_count, default=4000, metavar="N", help="episodes (default: 4000)")
    train.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the training (default: 0)")
    train.add_argument(
        "--order",
        default="",
        metavar="ORDER",
        help="EVs decide `sequential`ly (default, where the algorithm can), in `rounds` or `simultaneous`ly",
    )
    train.add_argument(
        "--start", default="", metavar="FILE", help="weights to begin with; for team-ppo maddqn's, or its own"
    )
    train.add_argument(
        "--replicas", type=_count, default=64, metavar="R", help="episodes of a round, side by side (default: 64)"
    )
    train.add_argument(
        "--vary",
        action="append",
        metavar="K=V",
        help="train one policy on several variants of the scenario, in turn, e.g. fleet.size=20,30,40",
    )
    train.add_argument(
        "--actors",
        type=_count_or_none,
        default=0,
        metavar="N",
        help="processes that bring episodes while this one learns (default: 0, one process for both)",
    )
    train.add_argument("--out", metavar="DIR", help="new folder for weights, learning curve and checkpoint")
    train.add_argument(
        "--resume", metavar="DIR", help="go on with the training in DIR, or give one that has ended more episodes"
    )
    train.add_argument(
        "--checkpoint-every",
        type=_count,
        metavar="N",
        help="episodes between two checkpoints (default: as often as costs 2 %% of the time)",
    )
    train.add_argument(
        "--track", action="store_true", help="write TensorBoard files to DIR/tensorboard too (needs ev-cosim[track])"
    )
    _add_json_and_code(train)


def _add_bound(commands: Any) -> None:
    bound = _add(commands, "bound", "bound the load restoration ratio that any controller can reach")
    _add_scenario(bound)
    bound.add_argument("--episodes", type=_count, default=16, metavar="N", help="number of episodes (default: 16)")
    bound.add_argument("--seed", type=int, metavar="S", help="seed of all random streams")
    _add_json_and_code(bound)


def _add_schema(commands: Any) -> None:
    schema = _add(commands, "schema", "print the JSON Schema of scenario files")
    schema.add_argument(
        "what", nargs="?", choices=("outage", "queue"), default="outage", help="outages (default) or queueing studies"
    )


def _add_engines(commands: Any) -> None:
    engines = _add(commands, "engines", "list the power flow engines, and hold them against pandapower")
    engines.add_argument("names", nargs="*", metavar="NAME", help="engines to check (default: all that are installed)")
    engines.add_argument(
        "--check", action="store_true", help="compare with pandapower on the 33-bus feeder, whole and in five islands"
    )
    engines.add_argument("--json", action="store_true", help="print JSON and nothing else")
    engines.add_argument(
        "--allow-code", action="store_true", help="allow an engine `module:Class` from outside ev-cosim"
    )


def _add_privacy(commands: Any) -> None:
    privacy = _add(commands, "privacy", "attack the messages of a fleet, and show what they give away")
    _add_scenario(
        privacy,
        "scenario file (YAML), or folder of a run: then exactly its episodes are run again and attacked, and "
        "--controller, --seed, --engine and --set are refused",
        metavar="FILE|RUN",
    )
    privacy.add_argument("--controller", metavar="NAME", help="who decides; see `cosim controllers`")
    privacy.add_argument(
        "--episodes",
        type=_count,
        metavar="N",
        help="held-out episodes, an even number; half of them teach the attackers (default: 128); with RUN: those that "
        "teach the attackers (default: as many as the run has, at least 64)",
    )
    privacy.add_argument("--seed", type=int, metavar="S", help="seed of all random streams")
    privacy.add_argument("--engine", metavar="NAME", help="power flow engine; see `cosim engines`")
    _add_json_and_code(privacy)


def _add_report(commands: Any) -> None:
    report = _add(commands, "report", "make a page that shows what happened in a run")
    figures = _add(commands, "figures", "draw the charts of that page one by one, for a paper")
    for parser in (report, figures):
        parser.add_argument(
            "folders",
            nargs="+",
            metavar="RUN",
            help="folder of a run, or of a training; the first run is shown in full, the others are compared with it",
        )
        parser.add_argument(
            "--episode",
            type=_count_or_none,
            metavar="N",
            help="episode to show in full (default: the one nearest to the median restoration)",
        )
    report.add_argument("--out", required=True, metavar="FILE", help="the page, one HTML file that needs nothing else")
    figures.add_argument("--out", required=True, metavar="DIR", help="a new folder")
    figures.add_argument(
        "--format", default="svg,png,pdf", metavar="F,F,...", help="kinds of files (default: svg,png,pdf)"
    )


def _add_queue(commands: Any) -> None:
    queue = _add(commands, "queue", "study waiting at charging stations, and find the design that meets a target")
    _add_scenario(queue, "queueing study (YAML, kind: queue)", "stations.0.chargers=6")
    queue.add_argument(
        "--replications", type=_count, default=20, metavar="N", help="independent replications (default: 20)"
    )
    queue.add_argument(
        "--warm-up",
        metavar="HOURS",
        help="study the steady state and leave out so many hours, or `mser-5` to find how many; "
        "without it all counts, as in a day or an outage",
    )
    queue.add_argument(
        "--limits", default="", metavar="H,H,...", help="show the shares of those who wait longer than so many hours"
    )
    queue.add_argument("--theory", action="store_true", help="show exact values where there are any, or why not")
    queue.add_argument(
        "--vary", metavar="K=V", help="study several designs on the same customers, e.g. stations.0.chargers=2:12"
    )
    queue.add_argument(
        "--target",
        metavar="M<=V",
        help="with --vary: find the smallest that meets it, e.g. 'waiting_time_p90_h <= 0.1667'",
    )
    queue.add_argument(
        "--trace", metavar="FILE", help="write every event of the first replication to a new file (.parquet or .jsonl)"
    )
    queue.add_argument(
        "--figures", metavar="DIR", help="draw pictures into a new folder, as SVG and PNG (needs ev-cosim[figures])"
    )
    queue.add_argument("--seed", type=int, metavar="S", help="seed of all random streams")
    queue.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes that share designs; changes no result (default: 1)",
    )
    queue.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _add(commands: Any, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=about, description=about[0].upper() + about[1:] + ".", allow_abbrev=False
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.set_defaults(command=name)
    return parser


def _add_scenario(
    parser: argparse.ArgumentParser,
    what: str = "scenario file (YAML)",
    example: str = "fleet.size=40",
    metavar: str = "FILE",
) -> None:
    parser.add_argument("file", metavar=metavar, help=what)
    parser.add_argument(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="K=V",
        help=f"override a field, e.g. {example}",
    )


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replicas", type=_count, metavar="R", help="episodes side by side; changes no result")
    parser.add_argument("--seed", type=int, metavar="S", help="seed of all random streams")
    parser.add_argument("--engine", metavar="NAME", help="power flow engine; see `cosim engines`")
    parser.add_argument(
        "--workers", type=_count, default=1, metavar="N", help="processes; changes no result (default: 1)"
    )


def _add_json_and_code(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument(
        "--allow-code",
        action="store_true",
        help="allow code from outside ev-cosim: a controller or engine `module:Class`, a simulator's command",
    )


def _add_allow_remote(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--allow-remote", action="store_true", help="allow a simulator on another machine (grid.simulator.connect)"
    )


def _count(text: str, least: int = 1) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, got {text!r}")
    return int(text)


def _count_or_none(text: str) -> int:
    return _count(text, least=0)
