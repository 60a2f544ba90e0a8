"""Settings of the process that a study, or a training loop, runs in."""

import contextlib
import ctypes
import functools
import gc
import hashlib
import logging
import os
import pathlib
import platform
import sys
import tempfile
from collections.abc import Iterator, Mapping

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_MEBIBYTE = 1 << 20
_SELDOM = 100_000


def configure_process(threads: int, *, tf32: bool = True) -> None:
    """Set threads, allocator and floating-point mode for training; safe to call again.

    On a GPU, products are of TF32 with sums in float32, unless said: losses stay within 10⁻³ of float32's, which a test
    asks where there is a device.

    Activations of 8 MB are mapped and unmapped at every step under glibc's defaults, and gradients that decay into
    denormal numbers slow a step down as training goes on; both cost more than any layer.
    """
    import torch

    torch.set_num_threads(max(1, threads))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True  # shapes never change in training
    torch.set_flush_denormal(True)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_THRESHOLD, 32 * _MEBIBYTE)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
        libc.mallopt(_M_TOP_PAD, 64 * _MEBIBYTE)


@contextlib.contextmanager
def one_torch_thread() -> Iterator[None]:
    """PyTorch computes in one thread for a while: small batches on a busy machine are several times as fast."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def seldom_collected() -> Iterator[None]:
    """Garbage in cycles is looked for once in so many objects, for work that makes many which stay.

    Importing PyTorch and drawing figures do; with Python's own 700 they are looked through again and again.
    """
    before = gc.get_threshold()
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def of_the_house(module: str, *arguments: str) -> tuple[list[str], dict[str, str]]:
    """Command and environment of a process of its own that runs a module of this repository, wherever that lies."""
    here = str(pathlib.Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
    return [sys.executable, "-P", "-m", module, *arguments], {**os.environ, "PYTHONPATH": path}


@contextlib.contextmanager
def environment(variables: Mapping[str, str], prefixes: tuple[str, ...] = ()) -> Iterator[None]:
    """Environment variables of this process, and of those that it starts, for a while; then as they were.

    Args:
        variables: values by name.
        prefixes: of further names that libraries may set meanwhile, and that are put back too.
    """

    def ours() -> dict[str, str]:
        return {name: os.environ[name] for name in os.environ if name in variables or name.startswith(prefixes)}

    before = ours()
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in ours():
            del os.environ[name]
        os.environ.update(before)


@contextlib.contextmanager
def home_directory() -> Iterator[None]:
    """A home directory for a while where there is none: a container's user may have no `HOME` and no name.

    Ray and other libraries ask for one when they are imported, and Ray keeps a token in it: so it is nobody else's.
    """
    with contextlib.ExitStack() as stack:
        try:
            pathlib.Path.home()
        except RuntimeError:
            home = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            stack.enter_context(environment({"HOME": home}))
        yield


@contextlib.contextmanager
def logging_at(level: int, *names: str) -> Iterator[None]:
    """The level of some loggers for a while; then as it was."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, each in zip(loggers, before, strict=True):
            logger.setLevel(each)


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def source_revision() -> dict[str, str]:
    """Git commit of the working tree, and the hash of its uncommitted difference; empty outside a checkout."""
    import subprocess

    root = pathlib.Path(__file__).resolve().parents[1]
    revision: dict[str, str] = {}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        run = {"cwd": root, "capture_output": True, "check": True, "timeout": 10}
        revision["commit"] = subprocess.run(["git", "rev-parse", "HEAD"], **run).stdout.decode().strip()  # type: ignore[call-overload]
        diff = subprocess.run(["git", "diff", "HEAD"], **run).stdout  # type: ignore[call-overload]
        if diff:
            revision["dirty"] = hashlib.sha256(diff).hexdigest()[:12]
    return revision


@functools.cache
def code_digest(*rooms: str, kinds: tuple[str, ...] = (".py",)) -> str:
    """SHA-256 of the names and bytes of all files of these kinds in some top-level folders of this house."""
    house, found = pathlib.Path(__file__).resolve().parents[1], hashlib.sha256()
    for room in rooms:
        for path in sorted((house / room).rglob("*")):
            if path.suffix in kinds:
                found.update(f"{path.relative_to(house)}\0".encode() + path.read_bytes())
    return found.hexdigest()


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that a number may depend on."""
    from importlib import metadata

    versions = {"python": platform.python_version(), "platform": platform.platform(), "host": os.uname().nodename}
    for package in ("torch", "numpy", "scipy", "scikit-learn", "lightgbm", "ray", "optuna", "mlflow"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
