"""Settings from flags, environment and file, and addresses that must not be opened by accident."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from a2p.cli.serve import Serve
from a2p.errors import ConfigError
from a2p.service.config import ServeConfig, load_config


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('port = 1\nworkers = 3\nhand_model = "mano"\nreflection = false\ndrain_s = 3\n')
    environment = {"A2P_SERVE_PORT": "2", "A2P_SERVE_WORKERS": "5", "A2P_SERVE_TOKEN_FILE": "x", "OTHER": "1"}
    config = load_config({"port": 4}, file=file, environment=environment)
    assert (config.port, config.workers, config.hand_model, config.reflection) == (4, 5, "mano", False)
    assert (config.drain_s, config.token_file, config.max_streams) == (3.0, Path("x"), ServeConfig().max_streams)


@pytest.mark.parametrize(
    ("environment", "match"),
    [
        ({"A2P_SERVE_PROT": "1"}, "prot"),
        ({"A2P_SERVE_PORT": "many"}, "port must be int"),
        ({"A2P_SERVE_REFLECTION": "perhaps"}, "reflection must be bool"),
        ({"A2P_SERVE_WORKERS": "0"}, "workers must be at least 1"),
        ({"A2P_SERVE_MAX_QUEUE": "2"}, "default_queue"),
        ({"A2P_SERVE_TLS_KEY": "key"}, "together"),
        ({"A2P_SERVE_TLS_CLIENT_CA": "ca"}, "tls_client_ca needs"),
        ({"A2P_SERVE_HOST": "0.0.0.0"}, "allow_plaintext"),
        ({"A2P_SERVE_HOST": "::"}, "allow_plaintext"),
        ({"A2P_SERVE_HOST": ""}, "allow_plaintext"),
        ({"A2P_SERVE_HOST": "192.0.2.1"}, "allow_plaintext"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_refused(environment: dict[str, str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        load_config({}, environment=environment)


def test_a_public_address_is_opened_where_it_is_encrypted_or_asked_for() -> None:
    assert load_config({"host": "0.0.0.0", "allow_plaintext": True}, environment={}).host == "0.0.0.0"
    pair = {"tls_certificate": Path("a"), "tls_key": Path("b")}
    assert load_config({"host": "0.0.0.0", **pair}, environment={}).host == "0.0.0.0"
    for host in ("127.0.0.1", "localhost", "::1"):
        assert load_config({"host": host}, environment={}).host == host


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    for text, match in (("port = = 1", "TOML"), ("prot = 1", "prot")):
        file.write_text(text)
        with pytest.raises(ConfigError, match=match):
            load_config({}, file=file, environment={})
    with pytest.raises(ConfigError, match="can be read"):
        load_config({}, file=tmp_path / "none.toml", environment={})


def test_every_setting_has_a_flag() -> None:
    flags = {field.name for field in fields(Serve)}
    assert flags == {field.name for field in fields(ServeConfig)} | {"config"}
