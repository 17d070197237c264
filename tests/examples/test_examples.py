"""The examples do on the way what they are there to show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.examples.running import run, table

pytestmark = pytest.mark.system

TABLE = table()


def story(name: str) -> str:
    """What an example tells on standard error."""
    return run(TABLE[name][0]).stderr


def outputs(example: str, *inputs: str) -> Any:  # noqa: ANN401 - JSON is of any type
    """What an example prints for other inputs."""
    result = run(f".venv/bin/branchline run examples/{example}/{example}.yaml {' '.join(inputs)}")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_branching_sends_an_expert_and_takes_both_ways_to_the_customer() -> None:
    text = story("branching")
    assert "[main] step send expert" in text
    assert "By letter: we pay 1650.00\n" in text
    assert "To 555-0134: we pay 1650.00\n" in text


def test_branching_pays_a_small_claim_without_an_expert_and_without_a_phone() -> None:
    result = run(".venv/bin/branchline run examples/branching/branching.yaml -i amount=600")
    assert json.loads(result.stdout) == {"decision": "we pay 400.00"}
    assert "send expert" not in result.stderr
    assert "send text" not in result.stderr


def test_branching_rejects_what_is_within_the_deductible() -> None:
    decision = outputs("branching", "-i", "amount=150")["decision"]
    assert decision == "150.00 is within your deductible of 200.00"


def test_the_buyer_of_joins_goes_on_without_the_slowest_bank() -> None:
    text = story("joins")
    assert "[buyer] join passed with alpine, harbour, without meadow" in text
    assert text.index("[buyer] step sign") < text.index("[meadow] step ask Meadow")


def test_retry_and_catch_tries_the_gateway_again_but_not_the_courier() -> None:
    text = story("retry_and_catch")
    assert text.count("failed: gateway_busy") == 2
    assert text.count("[main] attempt") == 2
    assert text.count("failed: fatal_error: the couriers are on strike, caught by") == 1


def test_retry_and_catch_sends_an_invoice_when_the_card_is_declined() -> None:
    payment = outputs("retry_and_catch", "-i", "card=expired")["payment"]
    assert payment == "49.90 by invoice, because the card has expired"


def test_each_tries_one_item_again() -> None:
    text = story("each")
    assert "4 items" in text
    assert text.count("attempt 2, item 1") == text.count("[main] attempt") == 1


def test_each_has_two_items_at_work_and_never_more() -> None:
    lines = [line for line in story("each").splitlines() if line.startswith("at the service: ")]
    assert len(lines) == 5
    assert max(len(line.split(", ")) for line in lines) == 2


def test_approval_goes_from_the_manager_to_the_director() -> None:
    assert story("approval").splitlines() == [
        "waiting for a signal on manager/Ines",
        "nobody has answered in time",
        "waiting for a signal on director/Ines",
        "the director approves",
    ]


def test_durable_sleep_sleeps_once_though_the_server_is_stopped() -> None:
    asleep, *rest = story("durable_sleep").splitlines()
    assert asleep.startswith("asleep until ")
    assert rest == [
        "stopping the server",
        "the server is down; starting another one",
        "1 sleep, 2 mails",
    ]


def test_pausing_shows_the_operator_why() -> None:
    assert story("pausing").splitlines() == [
        "PAUSED at proof-reading: somebody reads the proofs",
        "the proofs are fine",
    ]


def test_children_books_everything_at_once_and_takes_the_bus() -> None:
    lines = [line.split("  ", 1)[1] for line in story("children").splitlines() if "[main]" in line]
    hotels = [line for line in lines if line.startswith("[main] book hotels, item")]
    assert [" started as exec_" in line for line in hotels] == [True, True, False, False]
    assert "[main] book train: child booking failed: booked_up: every train to Lisbon" in (
        "\n".join(lines)
    )
    assert "[main] step book bus" in lines


def test_children_leaves_the_reminders_to_themselves() -> None:
    text = story("children")
    assert text.count("[main] plan: child reminder started as exec_") == 1
    assert text.count("  follow-up reminder started as exec_") == 1
    assert text.splitlines()[-1].endswith("execution completed")


def test_agent_loop_pays_for_each_round_once_though_its_worker_dies() -> None:
    text = story("agent_loop")
    assert text.count("[think]") == 4
    assert text.count("the worker died with 1") == 1
    assert "the model was called 4 times" in text


def test_agent_loop_asks_the_traveller_once_though_it_runs_again_after_the_answer() -> None:
    text = story("agent_loop")
    assert text.count("recorded mail") == 1
    assert text.count("the agent waits") == 1
