import subprocess
import sys

import pytest

import a2p


def test_importing_a2p_loads_neither_torch_nor_a_model() -> None:
    code = "import sys, a2p; print('torch' in sys.modules, 'a2p._core' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_every_public_name_resolves_and_is_documented() -> None:
    for name in a2p.__all__:
        value = getattr(a2p, name)
        assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = a2p.no_such_name


def test_the_first_use_does_not_load_the_compiler() -> None:
    code = "import sys, a2p; a2p.Reconstructor; print('torch._dynamo' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
