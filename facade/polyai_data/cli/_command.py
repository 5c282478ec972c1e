"""Turns functions into commands: expands option groups and reports errors."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

_KEY_REJECTED = (
    "API keys are not accepted on the command line: other users of this machine can see them in "
    "the list of processes, and the shell saves them in its history."
)
_KEY_REMEDY = (
    "Use --api-key-file FILE, POLYAI_API_KEY or `polyai-data login`. If that was a real key, "
    "replace it in Agent Studio."
)


BROKEN_PIPE = 141  # the exit code of a process that SIGPIPE kills


class CommandError(Exception):
    """A command cannot run as given.

    Args:
        message: What is wrong, on one line.
        remedy: How to fix it, on one line.
        details: Further help, on several lines.
        code: The exit code.
    """

    def __init__(self, message: str, remedy: str = "", *, details: str = "", code: int = 2) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.details = details
        self.code = code


def import_module_of_extra(name: str) -> Any:
    """Return a module of the package that needs an extra, such as `frames`.

    Raises:
        CommandError: if a library that it needs is not installed.
    """
    try:
        return import_module(f"polyai_data.{name}")
    except ImportError as error:
        raise CommandError(str(error), code=1) from None


def reject_key(value: str | None) -> None:
    """Reject an API key on the command line, without showing it.

    Raises:
        CommandError: if there is a key.
    """
    if value is not None:
        raise CommandError(_KEY_REJECTED, _KEY_REMEDY)


RejectedKey = Annotated[str | None, typer.Option("--api-key", hidden=True, callback=reject_key)]
"""Declared only so that it can be rejected with a reason."""


@dataclass(frozen=True)
class CommonOptions:
    """The options that every command has."""

    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show tracebacks (the API key is never shown)."),
    ] = False
    api_key: RejectedKey = None


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Convert a function to a command for typer.

    Each field of a dataclass parameter becomes an option. Exceptions are reported, and determine
    the exit code.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _options_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    parameters += _options_of(CommonOptions)

    def run(**values: Any) -> None:
        from ._errors import reporting

        common = CommonOptions(
            **{field.name: values.pop(field.name) for field in fields(CommonOptions)}
        )
        with reporting(debug=common.debug):
            for name, group in groups.items():
                values[name] = group(
                    **{field.name: values.pop(field.name) for field in fields(group)}
                )
            function(**values)

    run.__name__, run.__doc__ = function.__name__, _unwrap(function.__doc__ or "")
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


class _WithoutTypes:
    """Hides the types that typer would show in help, such as `<bool>` and `<list[str]>`."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters, including `--help`."""
        parameters = super().get_params(ctx)  # type: ignore[misc]
        for parameter in parameters:
            if isinstance(parameter, TyperArgument):
                parameter.display_type_rich = _no_type  # type: ignore[attr-defined]  # typer 0.28
            elif parameter.is_flag:
                parameter.metavar = ""
        return parameters


def _no_type(ctx: object) -> None:  # noqa: ARG001  # typer passes it by name
    return None


class Command(_WithoutTypes, TyperCommand):
    """A command of `polyai-data`."""


class Group(_WithoutTypes, TyperGroup):
    """The group of all commands."""


def _unwrap(text: str) -> str:
    """Join the lines of each paragraph, so that help wraps to the width of the terminal."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


def _options_of(group: Any) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )
        for field in fields(group)
    ]
