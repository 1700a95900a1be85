"""Commands of Redis that a script carries out, in one call with what it is for."""

from collections.abc import Iterable

Command = tuple[str | bytes, ...]
"""A command of Redis, word by word."""


def carrying_out(first: int) -> str:
    """Lua that carries out the commands of `counted`.

    Args:
        first: where they begin among the arguments of the script, counted from 1.
    """
    return f"""
local position = {first}
while position <= #ARGV do
  local words = tonumber(ARGV[position])
  redis.call(unpack(ARGV, position + 1, position + words))
  position = position + words + 1
end
"""


def counted(commands: Iterable[Command]) -> list[str | bytes | int]:
    """The arguments: of each command the number of its words, and these."""
    return [word for command in commands for word in (len(command), *command)]
