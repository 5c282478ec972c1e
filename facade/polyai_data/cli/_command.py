"""How a function becomes a command: it takes groups of options, and its errors read alike."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any

import typer

_KEY_REFUSED = (
    "An API key is not taken from the command line, where every user of the machine can see it in "
    "the list of processes, and the shell keeps it in its history."
)
_KEY_REMEDY = (
    "Use --api-key-file FILE, the variable POLYAI_API_KEY, or `polyai-data login`. If the key was "
    "a real one, replace it in Agent Studio."
)


class Refused(Exception):
    """What was asked for makes no sense, or cannot be done as things are.

    Args:
        message: Why, on one line.
        remedy: What to do about it, on one line.
        details: More of it, on several.
        code: The exit code.
    """

    def __init__(self, message: str, remedy: str = "", *, details: str = "", code: int = 2) -> None:
        super().__init__(message)
        self.remedy = remedy
        self.details = details
        self.code = code


def refuse_key(value: str | None) -> None:
    """Refuse a key on the command line, without showing it.

    Raises:
        Refused: if there is one.
    """
    if value is not None:
        raise Refused(_KEY_REFUSED, _KEY_REMEDY)


RefusedKey = Annotated[str | None, typer.Option("--api-key", hidden=True, callback=refuse_key)]
"""Understood, so that it can be refused with the reason."""


@dataclass(frozen=True)
class Common:
    """The options of every command."""

    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error comes from; never the key.")
    ] = False
    api_key: RefusedKey = None


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function as typer takes it.

    A parameter that is a dataclass becomes an option for each of its fields. What the function
    raises is reported, and becomes the exit code.
    """
    parameters: list[inspect.Parameter] = []
    groups: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        if is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
            parameters += _options_of(parameter.annotation)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    parameters += _options_of(Common)

    def run(**given: Any) -> None:
        from ._errors import reporting

        common = Common(**{field.name: given.pop(field.name) for field in fields(Common)})
        with reporting(debug=common.debug):
            for name, group in groups.items():
                given[name] = group(
                    **{field.name: given.pop(field.name) for field in fields(group)}
                )
            function(**given)

    run.__name__, run.__doc__ = function.__name__, _unwrapped(function.__doc__ or "")
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def _unwrapped(text: str) -> str:
    """Return a docstring with each paragraph on one line, for a terminal to wrap."""
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
