"""Errors after which a process is of no use."""


class CaptureFailedError(Exception):
    """A step could not be captured, and this PyTorch cannot go on in the process, whose noise counts as captured."""


def ends_the_process(error: BaseException) -> bool:
    """Whether a device's context is lost (illegal address, failed assertion, ECC): all that follows in it fails too.

    PyTorch raises an `AcceleratorError`, before 2.8 a RuntimeError that begins with "CUDA error"; one that is out of
    memory goes on. So does a capture that failed, where PyTorch is old.
    """
    kind = type(error).__name__
    if kind == "OutOfMemoryError":
        return False
    return (
        kind == "AcceleratorError"
        or isinstance(error, CaptureFailedError)
        or (isinstance(error, RuntimeError) and str(error).startswith(("CUDA error", "HIP error")))
    )
