"""What pydantic refuses, as a sentence."""

from pydantic_core import ErrorDetails


def sentence(refusal: ErrorDetails) -> str:
    """`-1 is not possible: it must be greater than 0`.

    Values that do not go together are no fault of a single one, and their class says in its own words what is wrong.
    """
    if not refusal["loc"]:
        return str(refusal["ctx"]["error"])
    text = refusal["msg"].removeprefix("Input ").removeprefix("Value error, ").replace("should be", "must be")
    return f"{refusal['input']!r} is not possible: it {text}"
