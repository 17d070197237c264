"""What a worker sends next, and what it says again."""

from __future__ import annotations

from branchline.client.outbox import Outbox, Verdict
from branchline.client.outcomes import failure, released, waiting
from branchline.v1 import execution_pb2, task_pb2
from branchline.v1 import task_service_pb2 as pb


def completed(token: str, text: str = "1") -> task_pb2.TaskOutcome:
    return task_pb2.TaskOutcome(token=token, completed=task_pb2.TaskResult(result_json=text))


def accepted(token: str) -> task_pb2.OutcomeAck:
    return task_pb2.OutcomeAck(token=token, accepted=True)


def refused(token: str, reason: str) -> task_pb2.OutcomeAck:
    return task_pb2.OutcomeAck(token=token, reason=reason, message="because")


def sent(message: pb.StreamTasksRequest | None) -> list[str]:
    assert message is not None
    return [outcome.token for outcome in message.outcomes]


def record(token: str, key: str, text: str = "1") -> task_pb2.TaskRecord:
    return task_pb2.TaskRecord(token=token, key=key, value_json=text)


def record_ack(token: str, key: str, reason: str = "") -> task_pb2.RecordAck:
    return task_pb2.RecordAck(token=token, key=key, accepted=not reason, reason=reason)


def recorded(message: pb.StreamTasksRequest | None) -> list[tuple[str, str]]:
    assert message is not None
    return [(record.token, record.key) for record in message.records]


def outbox_with(*tokens: str) -> Outbox:
    outbox = Outbox()
    for token in tokens:
        outbox.add(completed(token))
    return outbox


def test_everything_that_waits_goes_in_one_message() -> None:
    outbox = outbox_with("a", "b", "c")
    assert sent(outbox.next_message()) == ["a", "b", "c"]
    assert outbox.next_message() is None


def test_a_message_holds_at_most_a_thousand_outcomes() -> None:
    names = [str(n) for n in range(1_500)]
    outbox = outbox_with(*names)
    first, second = outbox.next_message(), outbox.next_message()
    assert (len(sent(first)), sent(first) + sent(second)) == (1_000, names)


def test_a_message_is_bounded_in_bytes_but_takes_one_outcome_of_any_size() -> None:
    outbox = Outbox()
    for token in "abc":
        outbox.add(completed(token, "1" * 3_000_000))
    assert [sent(outbox.next_message()) for _ in range(3)] == [["a"], ["b"], ["c"]]


def test_what_is_not_acknowledged_is_sent_again_on_the_next_stream_in_order() -> None:
    outbox = outbox_with("a", "b")
    outbox.next_message()
    assert outbox.acknowledge(accepted("a")) is Verdict.SETTLED
    outbox.add(completed("c"))
    assert outbox.tokens == ["b", "c"]
    outbox.reconnect()
    assert sent(outbox.next_message()) == ["b", "c"]


def test_all_is_settled_when_all_is_acknowledged() -> None:
    outbox = outbox_with("a")
    settled = [outbox.settled]
    outbox.next_message()
    settled.append(outbox.settled)
    outbox.acknowledge(accepted("a"))
    settled.append(outbox.settled)
    assert settled == [False, False, True]
    outbox.reconnect()
    assert outbox.next_message() is None


def test_what_is_refused_for_the_moment_is_repeated_when_told() -> None:
    for reason in ("OVERLOADED", "STORE_UNAVAILABLE", "SHUTTING_DOWN"):
        outbox = outbox_with("a")
        outbox.next_message()
        assert outbox.acknowledge(refused("a", reason)) is Verdict.LATER
        assert outbox.next_message() is None
        assert (outbox.tokens, outbox.settled) == (["a"], False)
        outbox.repeat()
        assert sent(outbox.next_message()) == ["a"]


def test_an_outcome_without_a_lease_is_dropped() -> None:
    outbox = outbox_with("a")
    outbox.next_message()
    assert outbox.acknowledge(refused("a", "LEASE_LOST")) is Verdict.LOST
    assert outbox.settled


def test_a_result_that_the_server_does_not_take_becomes_a_failure_once() -> None:
    """Otherwise the task would stay leased to this worker and never end."""
    outbox = outbox_with("a")
    outbox.next_message()
    assert outbox.acknowledge(refused("a", "PAYLOAD_TOO_LARGE")) is Verdict.REPLACED
    message = outbox.next_message()
    assert message is not None
    assert message.outcomes[0].failed == execution_pb2.Failure(
        type="payload_too_large", message="the server does not take the result: because"
    )
    assert outbox.acknowledge(refused("a", "PAYLOAD_TOO_LARGE")) is Verdict.DROPPED
    assert outbox.settled


def test_after_a_message_that_was_too_large_its_largest_result_becomes_a_failure() -> None:
    outbox = outbox_with("a")
    outbox.add(completed("b", "1" * 1_000))
    outbox.next_message()
    assert outbox.give_up_largest() is None
    outbox.reconnect()
    message = outbox.next_message()
    assert message is not None
    kinds = {outcome.token: outcome.WhichOneof("outcome") for outcome in message.outcomes}
    assert kinds == {"a": "completed", "b": "failed"}


def test_of_a_record_that_was_too_large_the_activity_is_told() -> None:
    outbox = outbox_with("a")
    outbox.record(record("a", "small"))
    outbox.record(record("a", "large", "1" * 1_000))
    outbox.next_message()
    answer = outbox.give_up_largest()
    assert answer is not None
    assert (answer.token, answer.key, answer.reason) == ("a", "large", "PAYLOAD_TOO_LARGE")
    outbox.reconnect()
    message = outbox.next_message()
    assert recorded(message) == [("a", "small")]
    assert sent(message) == ["a"]


def test_a_message_that_held_nothing_has_nothing_to_give_up() -> None:
    assert Outbox().give_up_largest() is None


def test_a_refused_wait_becomes_a_failure() -> None:
    outbox = Outbox()
    outbox.add(waiting("a", task_pb2.TaskWait(key="1", topic="t")))
    outbox.next_message()
    assert outbox.acknowledge(refused("a", "INVALID_FIELD")) is Verdict.REPLACED
    message = outbox.next_message()
    assert message is not None
    assert message.outcomes[0].failed == execution_pb2.Failure(
        type="invalid_field", message="the server does not take the wait: because"
    )


def test_records_are_sent_until_they_are_acknowledged() -> None:
    outbox = Outbox()
    for key in ("x", "y", "z"):
        outbox.record(record("a", key))
    assert recorded(outbox.next_message()) == [("a", "x"), ("a", "y"), ("a", "z")]
    assert outbox.next_message() is None
    assert outbox.acknowledge_record(record_ack("a", "x")) is Verdict.SETTLED
    later = record_ack("a", "y", "STORE_UNAVAILABLE")
    assert outbox.acknowledge_record(later) is Verdict.LATER
    outbox.repeat()
    assert recorded(outbox.next_message()) == [("a", "y")]
    outbox.reconnect()
    assert recorded(outbox.next_message()) == [("a", "z"), ("a", "y")]


def test_a_refused_record_is_not_sent_again() -> None:
    outbox = Outbox()
    for reason, verdict in (("LEASE_LOST", Verdict.LOST), ("INVALID_FIELD", Verdict.DROPPED)):
        outbox.record(record("a", "x"))
        outbox.next_message()
        assert outbox.acknowledge_record(record_ack("a", "x", reason)) is verdict
        outbox.reconnect()
        assert outbox.next_message() is None


def test_records_do_not_keep_a_worker_from_ending() -> None:
    outbox = Outbox()
    outbox.record(record("a", "x"))
    assert outbox.settled
    assert "a" not in outbox


def test_a_withdrawn_task_has_nothing_more_to_say() -> None:
    outbox = outbox_with("a", "b")
    outbox.heartbeat("a", ("half", ""))
    outbox.record(record("a", "x"))
    outbox.record(record("b", "y"))
    outbox.withdraw("a")
    message = outbox.next_message()
    assert sent(message) == ["b"]
    assert recorded(message) == [("b", "y")]
    assert message is not None
    assert not message.heartbeats


def test_of_several_signs_of_life_the_latest_progress_is_sent() -> None:
    outbox = Outbox()
    outbox.heartbeat("a", None)
    outbox.heartbeat("a", ("half", "0.5"))
    outbox.heartbeat("a", ("most", "0.9"))
    outbox.heartbeat("a", None)
    outbox.heartbeat("b", None)
    message = outbox.next_message()
    assert message is not None
    assert list(message.heartbeats) == [
        task_pb2.TaskHeartbeat(token="a", message="most", data_json="0.9"),
        task_pb2.TaskHeartbeat(token="b"),
    ]


def test_draining_is_told_once_on_each_stream() -> None:
    outbox = Outbox()
    outbox.drain()
    message = outbox.next_message()
    assert message is not None
    assert message.draining
    assert outbox.next_message() is None
    outbox.reconnect()
    again = outbox.next_message()
    assert again is not None
    assert again.draining


def test_failures_and_releases_are_kept_like_results() -> None:
    outbox = Outbox()
    outbox.add(failure("a", "t", "m"))
    outbox.add(released("b"))
    outbox.next_message()
    assert "a" in outbox
    assert outbox.tokens == ["a", "b"]
