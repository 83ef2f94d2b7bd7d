"""Keywords of the estimators: names, defaults and help come from the settings table of the library."""

import inspect
import textwrap

from rewire import _rewire

# What an estimator takes that is no setting of a training: name, default, annotation, help.
OWN = [
    (
        "n_jobs",
        None,
        "int | None",
        "Threads. None and -1 mean one a processor. The results are the same bits with any number of threads.",
    ),
    ("verbose", 0, "int", "1 shows a progress bar with the loss and the score of the epoch."),
    (
        "callbacks",
        None,
        "Callable[[dict], object] | Sequence[Callable[[dict], object]] | None",
        "Called after each epoch with its row of ``history_`` as a dict. One that returns a true value ends the training.",
    ),
]


def keywords(task, own=()):
    """Names, defaults, annotations and help of the keywords of a task's estimator."""
    table = [(row["name"], row["default"], row["annotation"], row["help"]) for row in _rewire.settings(task)]
    return [*table, *own, *OWN]


def with_settings(task, own=()):
    """Give a class its constructor and the documentation of its keywords."""
    rows = keywords(task, own)
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for name, default, _, _ in rows:
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default))
    signature = inspect.Signature(parameters)

    def decorate(cls):
        def __init__(self, **given):
            bound = signature.bind(self, **given)
            bound.apply_defaults()
            for name, _, _, _ in rows:
                setattr(self, name, bound.arguments[name])

        __init__.__signature__ = signature
        __init__.__qualname__ = f"{cls.__qualname__}.__init__"
        cls.__init__ = __init__
        cls.__doc__ = inspect.cleandoc(cls.__doc__).replace("{parameters}", documentation(rows))
        cls._settings = tuple(row["name"] for row in _rewire.settings(task))
        return cls

    return decorate


def documentation(rows):
    """The section on parameters, as numpydoc has it."""
    entries = []
    for name, default, annotation, text in rows:
        lines = [wrapped for line in text.splitlines() for wrapped in textwrap.wrap(line, 100, subsequent_indent="  " * line.startswith("-"))]
        if "\n- " in text:
            lines.insert(next(at for at, line in enumerate(lines) if line.startswith("- ")), "")
        entries.append(f"{name} : {annotation}, default={default!r}\n" + textwrap.indent("\n".join(lines), "    "))
    return "Parameters\n----------\n" + "\n\n".join(entries)
