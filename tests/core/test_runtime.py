"""The process that a study runs in."""

import gc
import os
import pathlib
import pwd

import pytest

from core.runtime import home_directory, one_torch_thread, seldom_collected


def test_a_user_without_home_and_name_has_one_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.delenv("HOME")
    with home_directory():
        home = pathlib.Path("~/results").expanduser().parent
        assert home.stat().st_mode & 0o777 == 0o700
    assert not home.exists()
    assert "HOME" not in os.environ


def test_a_home_stays_the_one_that_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    with home_directory():
        assert os.environ["HOME"] == "/"


def test_one_thread_of_torch_is_for_a_while() -> None:
    import torch

    before = torch.get_num_threads()
    with one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_garbage_is_collected_as_before_afterwards() -> None:
    before = gc.get_threshold()

    def interrupted() -> None:
        with seldom_collected():
            assert gc.get_threshold()[0] > before[0]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert gc.get_threshold() == before
