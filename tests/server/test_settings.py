"""Settings of the server: where they come from and what is refused."""

from __future__ import annotations

import pytest

from branchline.server.settings import HELP, InvalidSetting, Settings, from_environ


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    environ = {"BRANCHLINE_LEASE": "3.5", "BRANCHLINE_LISTEN": "0.0.0.0:1", "LEASE": "9"}
    settings = from_environ(environ, listen="127.0.0.1:2", lease=None)
    assert (settings.lease, settings.listen) == (3.5, "127.0.0.1:2")
    assert settings.max_deliveries == Settings().max_deliveries


def test_numbers_of_the_environment_are_read_by_their_type() -> None:
    assert from_environ({"BRANCHLINE_MAX_INBOX": "7"}).max_inbox == 7
    with pytest.raises(InvalidSetting, match="BRANCHLINE_MAX_INBOX must be of type int"):
        from_environ({"BRANCHLINE_MAX_INBOX": "many"})


@pytest.mark.parametrize("name", ["lease", "max_deliveries", "max_inbox", "max_inbox_bytes"])
@pytest.mark.parametrize("value", ["0", "-1"])
def test_a_limit_must_be_positive(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name} must be more than 0"):
        from_environ({f"BRANCHLINE_{name.upper()}": value})


@pytest.mark.parametrize("name", ["cached_dormant", "cached_running", "shutdown_grace"])
def test_what_may_be_nothing_may_not_be_less(name: str) -> None:
    assert getattr(from_environ({f"BRANCHLINE_{name.upper()}": "0"}), name) == 0
    with pytest.raises(InvalidSetting, match=f"{name} must be 0 or more"):
        from_environ({f"BRANCHLINE_{name.upper()}": "-1"})


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_time_must_be_a_number_that_ends(value: str) -> None:
    for name in ("LEASE", "SHUTDOWN_GRACE"):
        with pytest.raises(InvalidSetting, match=name.lower()):
            from_environ({f"BRANCHLINE_{name}": value})


@pytest.mark.parametrize("name", ["synchronous", "log_format", "log_level"])
def test_a_choice_that_is_none_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name} must be one of .*, not 'nonsense'"):
        from_environ({f"BRANCHLINE_{name.upper()}": "nonsense"})


def test_every_setting_is_explained() -> None:
    assert set(HELP) == set(Settings.__dataclass_fields__)
