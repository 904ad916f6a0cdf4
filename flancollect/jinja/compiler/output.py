"""Text on its way to one Python variable."""

from __future__ import annotations

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import Unit, Value
from flancollect.jinja.compiler.inline import simple

MOST_TEXT = 1_000_000  # characters of output, or of one captured block, that generated code vouches for
MOST_PIECES = 64


class Output:
    """Text on its way to one Python variable, written as few and large f-strings."""

    def __init__(self, unit: Unit, name: str) -> None:
        self._unit = unit
        self._name = name
        self._pieces: list[str] = []
        self._values = 0
        self._begun = False

    def literal(self, text: str) -> None:
        """Add a text of the template."""
        escaped = text.encode("unicode_escape").decode("ascii")
        self._pieces.append(escaped.replace('"', '\\"').replace("{", "{{").replace("}", "}}"))

    def value(self, value: Value) -> None:
        """Add what an expression writes out."""
        if value.kind == "position":
            code = f"digits[{value.code}]"
        elif value.kind in ("str", "int", "float", "bool", "none"):
            code = value.code
        else:
            helper = self._unit.helper("written", runtime.written)
            first, name = simple(value, self._unit)
            code = f"({name} if type({first}) is str else {helper}({name}))"
        self._pieces.append(f"{{{code}}}")
        self._values += 1
        if self._values == MOST_PIECES:
            self.flush()
            self.check()

    def flush(self) -> None:
        """Write what has gathered; from here on the variable exists."""
        text = f'f"{"".join(self._pieces)}"' if self._pieces else '""'
        if not self._begun:
            self._unit.write(f"{self._name} = {text}")
        elif self._pieces:
            self._unit.write(f"{self._name} += {text}")
        self._begun = True
        self._pieces, self._values = [], 0

    def check(self) -> None:
        """Give up where the output has grown long."""
        with self._unit.block(f"if len({self._name}) > {MOST_TEXT}:"):
            self._unit.write("doubt()")

    def finish(self) -> str:
        """The code of the whole text."""
        if self._begun:
            self.flush()
            return self._name
        return f'f"{"".join(self._pieces)}"'
