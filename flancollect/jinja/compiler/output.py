"""Text on its way to one Python variable."""

from __future__ import annotations

from flancollect.jinja.compiler import runtime
from flancollect.jinja.compiler.context import PLAIN, CompileContext, Value
from flancollect.jinja.compiler.inline import bind

MAX_FAST_TEXT = 1_000_000  # characters of output, or of one captured block, that generated code vouches for
MAX_PIECES = 64  # values in one f-string; Python takes more, but the length is checked in between


class Output:
    """Text on its way to one Python variable, written as few and large f-strings."""

    def __init__(self, context: CompileContext, name: str) -> None:
        self._context = context
        self._name = name
        self._pieces: list[str] = []
        self._values = 0
        self._initialized = False

    def literal(self, text: str) -> None:
        """Add a text of the template."""
        # Text of the template reaches the source here only, and nothing in it can end the f-string: quotes,
        # braces, backslashes, line ends and all beyond ASCII are escaped, `say "{x}"` to `say \"{{x}}\"`.
        escaped = text.encode("unicode_escape").decode("ascii")
        self._pieces.append(escaped.replace('"', '\\"').replace("{", "{{").replace("}", "}}"))

    def value(self, value: Value) -> None:
        """Add what an expression writes out."""
        if value.kind == "position":
            code = f"digits[{value.code}]"
        elif value.kind == "str" or value.kind in PLAIN:
            code = value.code  # an f-string writes whole numbers and True as str() does
        else:
            helper = self._context.helper(runtime.output_text)
            first, name = bind(value, self._context)
            code = f"({name} if type({first}) is str else {helper}({name}))"
        self._pieces.append(f"{{{code}}}")
        self._values += 1
        if self._values == MAX_PIECES:
            self.flush()
            self.check()

    def flush(self) -> None:
        """Write what has gathered; from here on the variable exists."""
        text = f'f"{"".join(self._pieces)}"' if self._pieces else '""'
        if not self._initialized:
            self._context.emit(f"{self._name} = {text}")
        elif self._pieces:
            self._context.emit(f"{self._name} += {text}")
        self._initialized = True
        self._pieces, self._values = [], 0

    def check(self) -> None:
        """Give up where the output has grown long."""
        with self._context.block(f"if len({self._name}) > {MAX_FAST_TEXT}:"):
            self._context.emit("doubt()")

    def finish(self) -> str:
        """The code of the whole text."""
        if self._initialized:
            self.flush()
            return self._name
        return f'f"{"".join(self._pieces)}"'
