from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from a2p.threads import one_torch_thread


def test_the_number_of_threads_returns_after_nested_and_failed_use() -> None:
    before = torch.get_num_threads()
    with one_torch_thread(), one_torch_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before
    with pytest.raises(KeyError), one_torch_thread():
        raise KeyError
    assert torch.get_num_threads() == before


def test_concurrent_holders_restore_the_number_they_found() -> None:
    before = torch.get_num_threads()

    def hold(_: int) -> None:
        for _ in range(50):
            with one_torch_thread():
                pass

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(hold, range(4)))
    assert torch.get_num_threads() == before
