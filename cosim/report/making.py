"""Makes pages and pictures of run folders: checks what is asked for, reads, draws, writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from cosim.errors import ReportError
from cosim.records.files import whole_folder, write_text

#: What draws, and the kinds of files that pictures can be.
_DRAWS = ("altair", "vl_convert", "matplotlib", "fontTools")
FORMATS = ("svg", "png", "pdf")
#: What a page of ours has in its head.
_OURS = '<meta name="generator" content="ev-cosim'
_HEAD_LETTERS = 2000

#: Told how much is done, and of how much.
Progress = Callable[[int, int], None]


def make_report(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    episode: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write a page that shows what happened: one file, complete in itself.

    Args:
        folders: Run folders and folders of trainings; the first run is shown in full, the others are compared with it.
        out: The page, a new file or a page that was made before.
        episode: Number of the first run's episode to show in full; default: the one nearest to the median of the load
            restoration ratio.
        progress: Told how many episodes of a run are read, and of how many.

    Raises:
        RecordError: If a folder holds neither a run nor a training, is damaged, or has no such episode.
        ReportError: If the page cannot be written, or what draws is not installed.
    """
    _check_installed()
    path = Path(out)
    _check_page(path)
    from cosim.report.page.document import document
    from cosim.report.page.reading import read_contents

    text = document(read_contents([Path(folder) for folder in folders], episode, progress))
    try:
        write_text(path, text)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror}") from error


def make_figures(
    folders: Sequence[str | Path],
    out: str | Path,
    *,
    formats: Sequence[str] = FORMATS,
    episode: int | None = None,
    progress: Progress | None = None,
) -> int:
    """Write the pictures of a page one by one, each for one column of a paper and for two.

    Args:
        folders: Run folders and folders of trainings, as for a page.
        out: A new or empty folder.
        formats: Some of `svg`, `png`, `pdf`.
        episode: Number of the first run's episode to show, as for a page.
        progress: Told how many pictures are drawn, and of how many.

    Returns:
        Number of pictures.

    Raises:
        RecordError: If a folder holds neither a run nor a training, is damaged, or has no such episode.
        ReportError: If a format is unknown, the folder has something in it or cannot be written, or what draws is not
            installed.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ReportError(f"formats must be some of {', '.join(FORMATS)}, got {', '.join(unknown) or 'none'}")
    _check_installed()
    path = Path(out)
    _check_folder(path)
    from cosim.report.page.figures import count_figures, figures_of
    from cosim.report.page.reading import read_contents

    contents = read_contents([Path(folder) for folder in folders], episode, None)
    total, done = count_figures(contents, formats), 0
    try:
        if path.exists():
            path.rmdir()
        with whole_folder(path) as folder:
            for name, picture in figures_of(contents, formats):
                (folder / name).write_bytes(picture)
                done += 1
                if progress is not None:
                    progress(done, total)
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror}") from error
    return done


def _check_installed() -> None:
    missing = [name for name in _DRAWS if find_spec(name) is None]
    if missing:
        raise ReportError(f'pictures need {missing[0]}: python -m pip install "ev-cosim[figures]"')


def _check_page(path: Path) -> None:
    """See to it that nothing is lost: what is replaced is a page of ours."""
    try:
        if path.is_dir():
            raise ReportError(f"{path} is a folder; name the file of the page, such as {path / 'report.html'}")
        if not path.parent.is_dir():
            raise ReportError(f"{path}: there is no folder {path.parent}")
        if path.exists() and not _is_ours(path):
            raise ReportError(f"{path} is there already and no page of ours; name a new file")
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error


def _is_ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        return _OURS in file.read(_HEAD_LETTERS)


def _check_folder(path: Path) -> None:
    """See to it that nothing is lost: the folder is new or empty."""
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ReportError(f"{path} must be a new or empty folder")
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}") from error
