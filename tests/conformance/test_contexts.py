"""Contexts: many requests, answers, surveys and subscriptions at once on one socket."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import anymq

from .loops import Loop
from .support import LIMIT, Sockets, open_contexts

IN_FLIGHT = 300

requests = pytest.mark.requires("contexts", "protocol.req", "protocol.rep")
surveys = pytest.mark.requires("contexts", "protocol.surveyor", "protocol.respondent")


def connect(sockets: Sockets, dialler: anymq.Socket, listener: anymq.Socket) -> None:
    dialler.dial(listener.listen(sockets.url()).url)
    sockets.connected(dialler, listener)


def thread(call: Callable[[], Any]) -> threading.Thread:
    started = threading.Thread(target=call, daemon=True)
    started.start()
    return started


# Requests and replies


@requests
def test_hundreds_in_flight_answered_in_any_order(sockets: Sockets, loop: Loop) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    askers, answerers = open_contexts(req, IN_FLIGHT), open_contexts(rep, IN_FLIGHT)
    connect(sockets, req, rep)
    held: list[tuple[anymq.Context, bytes]] = []

    async def take(context: anymq.Context) -> None:
        held.append((context, await context.arecv()))

    async def main() -> None:
        for _ in range(2):
            async with loop.group() as group:
                for context in answerers:
                    group.start(take(context))
                for number, asker in enumerate(askers):
                    asker.send(b"question %d" % number)
            assert len({question for _, question in held}) == IN_FLIGHT
            random.shuffle(held)
            while held:
                context, question = held.pop()
                await context.asend(b"answer to " + question)
            for number, asker in enumerate(askers):
                assert asker.recv() == b"answer to question %d" % number

    loop.run(main)


@requests
def test_ordinary_requesters(sockets: Sockets) -> None:
    rep = sockets.open("rep")
    answerers = open_contexts(rep, 10)
    url = rep.listen(sockets.url()).url
    reqs = [sockets.open("req", dial=url) for _ in answerers]
    for number, req in enumerate(reqs):
        req.send(b"%d" % number)
    held = [(context, context.recv()) for context in answerers]
    random.shuffle(held)
    for context, question in held:
        context.send(b"re " + question)
    assert [req.recv() for req in reqs] == [b"re %d" % n for n in range(len(reqs))]


@requests
def test_an_ordinary_replier(sockets: Sockets, loop: Loop) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    askers = open_contexts(req, 20)
    connect(sockets, req, rep)

    async def serve() -> None:
        for _ in askers:
            await rep.asend(b"re " + await rep.arecv())

    async def main() -> None:
        replies: list[bytes] = []

        async def ask(number: int, context: anymq.Context) -> None:
            reply = await context.arequest(b"%d" % number)
            assert reply == b"re %d" % number
            replies.append(reply)

        async with loop.group() as group:
            group.start(serve())
            for number, context in enumerate(askers):
                group.start(ask(number, context))
        assert len(set(replies)) == len(askers)

    loop.run(main)


@requests
def test_late_replies_reach_nobody_else(sockets: Sockets) -> None:
    """A reply to a request that was given up is in no later one, of its own context or another."""
    req, rep = sockets.open("req"), sockets.open("rep")
    first, second = open_contexts(req, 2)
    late, *prompt = open_contexts(rep, 3)
    connect(sockets, req, rep)
    with pytest.raises(anymq.Timeout):
        first.request(b"old", timeout=0.05)
    assert late.recv() == b"old"
    first.send(b"new")
    assert prompt[0].recv() == b"new"
    second.send(b"other")
    assert prompt[1].recv() == b"other"
    late.send(b"to old")
    prompt[1].send(b"to other")
    prompt[0].send(b"to new")
    assert first.recv() == b"to new"
    assert second.recv() == b"to other"
    for context in (first, second):
        with pytest.raises(anymq.StateError):
            context.recv(timeout=0.05)


@requests
def test_a_receive_that_times_out_keeps_its_request(sockets: Sockets) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    (asker,), (answerer,) = open_contexts(req), open_contexts(rep)
    connect(sockets, req, rep)
    asker.send(b"question")
    for timeout in (0.02, 0):
        with pytest.raises(anymq.Timeout):
            asker.recv(timeout=timeout)
    answerer.send(b"re " + answerer.recv())
    assert asker.recv() == b"re question"


@requests
def test_who_may_speak_when(sockets: Sockets) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    (asker,), (answerer, other) = open_contexts(req), open_contexts(rep, 2)
    connect(sockets, req, rep)
    with pytest.raises(anymq.StateError):
        asker.recv()
    with pytest.raises(anymq.StateError):
        answerer.send(b"to nobody")
    asker.send(b"question")
    assert answerer.recv() == b"question"
    with pytest.raises(anymq.StateError):
        other.send(b"it is not this one's")
    with pytest.raises(anymq.Timeout):
        answerer.recv(timeout=0.02)  # brings no other request: the one it has stays
    answerer.send(b"answer")
    with pytest.raises(anymq.StateError):
        answerer.send(b"again")
    assert asker.recv() == b"answer"
    with pytest.raises(anymq.StateError):
        answerer.request(b"a replier asks nothing")


@requests
def test_one_that_waits_no_more_takes_no_request(sockets: Sockets) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    gone, there = open_contexts(rep, 2)
    connect(sockets, req, rep)
    with pytest.raises(anymq.Timeout):
        gone.recv(timeout=0.02)
    req.send(b"question")
    there.send(b"re " + there.recv())
    assert req.recv() == b"re question"


@requests
def test_one_that_was_cancelled_takes_no_request(sockets: Sockets, loop: Loop) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    gone, there = open_contexts(rep, 2)
    connect(sockets, req, rep)

    async def main() -> None:
        async with loop.group() as group:
            task = group.start(gone.arecv())
            await loop.settle()
            task.cancel()
        with pytest.raises(anymq.Timeout):
            await gone.arecv(timeout=0.02)
        await req.asend(b"question")
        await there.asend(b"re " + await there.arecv())
        assert await req.arecv() == b"re question"

    loop.run(main)


@requests
def test_a_request_that_meets_a_cancellation(sockets: Sockets, loop: Loop) -> None:
    """Whoever waits for it is cancelled about when it comes: then the next call receives it."""
    req, rep = sockets.open("req"), sockets.open("rep")
    (asker,), (answerer,) = open_contexts(req), open_contexts(rep)
    connect(sockets, req, rep)
    chance = random.Random(11)

    async def main() -> None:
        for number in range(400):
            got: list[bytes] = []

            async def take(got: list[bytes] = got) -> None:
                got.append(await answerer.arecv())

            async with loop.group() as group:
                task = group.start(take())
                await loop.settle()
                asker.send(b"%d" % number)
                moment = time.monotonic() + chance.uniform(0, 0.0005)
                while time.monotonic() < moment:  # a sleep would take too long, and serve the task
                    pass
                task.cancel()
            if not got:
                got.append(await answerer.arecv())
            assert got == [b"%d" % number]
            answerer.send(b"re " + got[0])
            assert await asker.arecv() == b"re " + got[0]

    loop.run(main)


@requests
def test_cancelled_at_random(sockets: Sockets, loop: Loop) -> None:
    """Requests are cancelled whenever: every reply that comes is to the request of its own task."""
    req, rep = sockets.open("req"), sockets.open("rep")
    askers, answerers = open_contexts(req, 20), open_contexts(rep, 20)
    connect(sockets, req, rep)
    chance = random.Random(5)

    async def serve(context: anymq.Context) -> None:
        while True:
            await context.asend(b"re " + await context.arecv())

    async def ask(name: bytes, context: anymq.Context) -> None:
        assert await context.arequest(name) == b"re " + name

    async def main() -> None:
        async with loop.group() as group:
            servers = [group.start(serve(context)) for context in answerers]
            for turn in range(20):
                async with loop.group() as inner:
                    tasks = [
                        inner.start(ask(b"%d/%d" % (turn, number), context))
                        for number, context in enumerate(askers)
                    ]
                    for _ in range(chance.randrange(6)):
                        await loop.sleep(0)
                    for task in chance.sample(tasks, 10):
                        task.cancel()
            for context in askers:
                await ask(b"last", context)
            for server in servers:
                server.cancel()

    loop.run(main)


@requests
def test_a_thread_each(sockets: Sockets) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    askers, answerers = open_contexts(req, 16), open_contexts(rep, 16)
    connect(sockets, req, rep)
    rounds, wrong = 30, []

    def serve(context: anymq.Context) -> None:
        while True:
            try:
                context.send(b"re " + context.recv(timeout=None))
            except anymq.Closed:
                return

    def ask(number: int, context: anymq.Context) -> None:
        for turn in range(rounds):
            body = b"%d/%d" % (number, turn)
            if context.request(body) != b"re " + body:
                wrong.append(body)

    servers = [thread(lambda c=context: serve(c)) for context in answerers]  # type: ignore[misc]
    clients = [thread(lambda n=n, c=c: ask(n, c)) for n, c in enumerate(askers)]  # type: ignore[misc]
    for client in clients:
        client.join(LIMIT)
    assert not any(client.is_alive() for client in clients)
    assert not wrong
    rep.close()
    for server in servers:
        server.join(LIMIT)
    assert not any(server.is_alive() for server in servers)


@requests
def test_closing_lets_answers_leave(sockets: Sockets) -> None:
    """Answers that a busy connection holds up are not lost when the socket is closed."""
    req, rep = sockets.open("req"), sockets.open("rep", linger=LIMIT)
    askers, answerers = open_contexts(req, 20), open_contexts(rep, 20)
    connect(sockets, req, rep)
    for asker in askers:
        asker.send(b"question")
    for answerer in answerers:
        answerer.recv()
    large = b"x" * 500_000
    got: list[bytes] = []
    reader = thread(lambda: got.extend(asker.recv() for asker in askers))
    for answerer in answerers:
        answerer.send(large)
    rep.close()
    reader.join(LIMIT)
    assert got == [large] * len(askers)


@requests
@pytest.mark.differs("D40")
def test_opened_when_it_is_connected(sockets: Sockets) -> None:
    req, rep = sockets.pair("req", "rep")
    with req.open_context() as asker, rep.open_context() as answerer:
        asker.send(b"question")
        answerer.send(b"re " + answerer.recv())
        assert asker.recv() == b"re question"


@requests
@pytest.mark.differs("D41")
def test_the_socket_itself_is_one_more(sockets: Sockets) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    (asker,), (answerer,) = open_contexts(req), open_contexts(rep)
    connect(sockets, req, rep)
    req.send(b"by the socket")
    assert answerer.recv() == b"by the socket"
    asker.send(b"by the context")
    assert rep.recv() == b"by the context"
    rep.send(b"to the context")
    answerer.send(b"to the socket")
    assert (asker.recv(), req.recv()) == (b"to the context", b"to the socket")


@requests
def test_options_that_were_set_before_remain(sockets: Sockets) -> None:
    rep = sockets.open("rep", recv_max_size=1000, recv_timeout=LIMIT / 2)
    req = sockets.open("req")
    (asker,), (answerer,) = open_contexts(req), open_contexts(rep)
    connect(sockets, req, rep)
    assert (rep.recv_max_size, rep.recv_timeout, answerer.recv_timeout) == (1000, 5.0, 5.0)
    asker.send(b"x" * 2000)
    with pytest.raises(anymq.Timeout):
        answerer.recv(timeout=0.1)
    sockets.connected(req)
    asker.send(b"x" * 900)
    assert len(answerer.recv()) == 900


# Surveys and subscriptions


@surveys
def test_surveys_at_once(sockets: Sockets, loop: Loop) -> None:
    surveyor, respondent = sockets.open("surveyor"), sockets.open("respondent")
    asking = open_contexts(surveyor, 5)
    connect(sockets, surveyor, respondent)

    async def serve() -> None:
        while True:
            await respondent.asend(b"re " + await respondent.arecv())

    async def ask(number: int, context: anymq.Context) -> None:
        context.survey_time = 0.5
        assert await context.asurvey(b"%d" % number) == [b"re %d" % number]

    async def main() -> None:
        async with loop.group() as group:
            server = group.start(serve())
            async with loop.group() as inner:
                for number, context in enumerate(asking):
                    inner.start(ask(number, context))
            server.cancel()

    loop.run(main)


@surveys
def test_answers_to_two_surveys_in_the_other_order(sockets: Sockets) -> None:
    surveyor, respondent = sockets.open("surveyor"), sockets.open("respondent")
    first, second = open_contexts(respondent, 2)
    asking = open_contexts(surveyor, 2)
    connect(sockets, surveyor, respondent)
    for number, context in enumerate(asking):
        context.survey_time = LIMIT
        context.send(b"%d" % number)
    held = {first.recv(): first, second.recv(): second}
    held[b"1"].send(b"to 1")
    held[b"0"].send(b"to 0")
    assert [context.recv() for context in asking] == [b"to 0", b"to 1"]


@pytest.mark.requires("contexts", "protocol.pub", "protocol.sub")
def test_subscriptions_of_their_own(sockets: Sockets) -> None:
    pub, sub = sockets.open("pub"), sockets.open("sub")
    a, b, nothing = open_contexts(sub, 3)
    connect(sockets, pub, sub)
    a.subscribe(b"a")
    a.subscribe(b"a")
    b.subscribe(b"b")
    sub.subscribe(b"")
    for body in (b"a1", b"b1", b"a2"):
        pub.send(body)
    assert [a.recv(), a.recv(), b.recv()] == [b"a1", b"a2", b"b1"]
    assert [sub.recv() for _ in range(3)] == [b"a1", b"b1", b"a2"]
    a.unsubscribe(b"a")
    pub.send(b"a3")
    assert sub.recv() == b"a3"
    for context in (a, b, nothing):
        with pytest.raises(anymq.WouldBlock):
            context.recv(timeout=0)
    with pytest.raises(anymq.OptionError):
        a.unsubscribe(b"a")


# What is a context's own


@requests
def test_time_limits_of_their_own(sockets: Sockets) -> None:
    req = sockets.open("req")
    one, other = open_contexts(req, 2)
    assert one.recv_timeout == req.recv_timeout
    one.recv_timeout = one.send_timeout = 0.02
    assert (other.recv_timeout, other.send_timeout) == (LIMIT, LIMIT)
    with pytest.raises(anymq.Timeout):
        one.send(b"nobody is there")
    with pytest.raises(anymq.OptionError):
        one.recv_timeout = -1
    with pytest.raises(anymq.UnsupportedFeature):
        _ = one.survey_time


@requests
@pytest.mark.requires("option.resend_interval")
def test_resend_intervals_of_their_own(sockets: Sockets) -> None:
    req = sockets.open("req", resend_interval=30.0)
    one, other = open_contexts(req, 2)
    one.resend_interval = 5.0
    assert (one.resend_interval, other.resend_interval, req.resend_interval) == (5, 30, 30)


@requests
@pytest.mark.requires("option.resend_interval")
def test_a_request_is_sent_again(sockets: Sockets) -> None:
    req, rep = sockets.open("req"), sockets.open("rep")
    (asker,), answerers = open_contexts(req), open_contexts(rep, 2)
    asker.resend_interval = 0.1
    connect(sockets, req, rep)
    asker.send(b"question")
    assert [answerer.recv() for answerer in answerers] == [b"question"] * 2
    answerers[1].send(b"answer")
    assert asker.recv() == b"answer"
