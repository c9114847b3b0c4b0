"""Functions that a session offers as tools: what is told of them, and how they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import zmq

from kaimond.gate.tools import Member, Offer, Type, call_fields, read_offer
from tests.gate_julia.gate_process import GateProcess, Outcome, Reply, Value, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.julia

SETUP = '''
using Kaimon
@enum Scale celsius kelvin
struct Station{T<:Real}
    name::String
    height::T
end
Base.@kwdef struct Options
    depth::Int = 3
    label::String
end
"""
    forecast(station, days)

The weather at a station.
"""
function forecast(station::Station{Float64}, days::Int8=Int8(1); scale::Scale=celsius,
                  note::Union{Nothing,String}=nothing, options::Options=Options(label="x"),
                  tags::Vector{Symbol}=Symbol[], limits::Tuple{Int,Float64}=(1, 2.0),
                  weights::Dict{String,Float64}=Dict{String,Float64}(), rest...)
    println("asked for ", station.name)
    return (station, days, scale, note, options, tags, limits, weights)
end
shout(text; times::Int) = uppercase(text)^times
total(numbers::Float64...) = sum(numbers)
spin() = (try; while true; sleep(0.01); end; finally; global ended = true; end)
fails() = error("it is broken")
nothing_at_all() = nothing
tools = [GateTool("forecast", forecast), GateTool("shout", shout; description="Loud."),
         GateTool("total", total), GateTool("spin", spin), GateTool("__fails", fails),
         GateTool("nothing_at_all", nothing_at_all)]
Gate.serve(tools=tools, namespace="weather")
'''

STATION = {"name": "Oslo", "height": 94}


@pytest.fixture(scope="module")
def offering(julia_program: Path) -> Iterator[GateProcess]:
    with GateProcess(julia_program) as gate:
        gate.ready()
        outcome = gate.evaluate(SETUP)
        assert outcome.status == "ok", outcome
        assert outcome.value == '"0badcafe"'
        yield gate


def begin(gate: GateProcess, name: str, **given: Any) -> str:
    eval_id = gate.new_id()
    settings = (("code", f"{name}()"), ("spool", gate.spool(eval_id)), ("rows", 24))
    gate.send("eval", *settings, *call_fields(name, given), request_id=eval_id)
    gate.expect(eval_id, "accepted")
    return eval_id


def call(gate: GateProcess, name: str, **given: Any) -> Outcome:
    return gate.finish(begin(gate, name, **given))


def refusal(gate: GateProcess, name: str, **given: Any) -> str:
    outcome = call(gate, name, **given)
    assert outcome.status == "error", outcome
    assert outcome.reply.text("backtrace") == ""
    assert outcome.output == b""
    return outcome.error


def offer_of(reply: Reply) -> Offer:
    return read_offer(reply.fields)


def test_a_gate_without_tools_says_so(julia_program: Path) -> None:
    """With the checks of what cannot be a tool, which leave it so."""
    with GateProcess(julia_program) as gate:
        gate.ready()
        assert offer_of(gate.ask("tools", answer="tools")) == Offer()
        gate.evaluate("using Kaimon; f(x::Int) = x; f(x::String) = x")
        for code, words in (
            ('GateTool("f", f)', "2 methods with 1 arguments"),
            ('GateTool("f", (io::IO) -> 1)', "`io` is of type IO, which no agent can write"),
            ('GateTool("f", session -> 1)', "called like what names a session"),
            ('GateTool("a b", identity)', "letters, digits and _"),
            ('GateTool("f", 3)', "3 cannot be called"),
            ("Gate.serve(tools=[f])", 'given as GateTool("name", f)'),
            ('Gate.serve(tools=fill(GateTool("f", x -> 1), 2))', "two tools have one name"),
        ):
            outcome = gate.evaluate(code)
            assert outcome.status == "error", code
            assert words in outcome.error
        assert offer_of(gate.ask("tools", answer="tools")) == Offer()


def test_the_signature_tells_what_agents_may_give(offering: GateProcess) -> None:
    offer = offer_of(offering.ask("tools", answer="tools"))
    assert offer.namespace == "weather"
    names = ["forecast", "shout", "total", "spin", "__fails", "nothing_at_all"]
    assert [tool.name for tool in offer.tools] == names
    forecast, shout, total, *_ = offer.tools
    assert forecast.doc == "forecast(station, days)\n\nThe weather at a station."
    station = Type(
        "struct",
        "Station",
        members=(
            Member("name", True, Type("string")),
            Member("height", True, Type("number")),
        ),
    )
    options = Type(
        "struct",
        "Options",
        members=(
            Member("depth", False, Type("integer")),
            Member("label", True, Type("string")),
        ),
    )
    assert forecast.arguments == (
        Member("station", True, station),
        Member("days", False, Type("integer", minimum=-128, maximum=127)),
        Member("scale", False, Type("enum", choices=("celsius", "kelvin"))),
        Member("note", False, Type("union", parts=(Type("nothing"), Type("string")))),
        Member("options", False, options),
        Member("tags", False, Type("list", parts=(Type("string"),))),
        Member("limits", False, Type("tuple", parts=(Type("integer"), Type("number")))),
        Member("weights", False, Type("map", parts=(Type("number"),))),
    )
    assert shout.doc == "Loud."
    assert shout.arguments == (
        Member("text", True, Type("any")),
        Member("times", True, Type("integer")),
    )
    assert total.arguments == (Member("numbers", False, Type("list", parts=(Type("number"),))),)


def test_arguments_become_what_the_function_takes(offering: GateProcess) -> None:
    outcome = call(
        offering,
        "forecast",
        station=STATION,
        days=2.0,
        scale="kelvin",
        note=None,
        options={"label": "$(1)"},
        tags=["a", "b"],
        limits=[7, 8],
        weights={"rain": 1},
    )
    assert outcome.status == "ok", outcome
    assert outcome.output == b"asked for Oslo\n"
    assert outcome.value == (
        '(Station{Float64}("Oslo", 94.0), 2, kelvin, nothing, Options(3, "\\$(1)"), [:a, :b], '
        '(7, 8.0), Dict("rain" => 1.0))'
    )
    assert call(offering, "total", numbers=[1, 2.5]).value == "3.5"
    # A text is given as it is, and not as it would be written in code.
    assert call(offering, "shout", text="hé\n", times=2).value == "HÉ\nHÉ\n"
    assert call(offering, "nothing_at_all").value is None
    assert offering.evaluate("ans").value != '"HÉ\\nHÉ\\n"'


def test_what_cannot_be_used_is_named_and_nothing_runs(offering: GateProcess) -> None:
    good = {"station": STATION}
    for given, words in (
        ({}, "missing argument `station`. Its arguments are: station, days, scale, note"),
        ({**good, "day": 1}, "unknown argument `day`"),
        ({"station": 3}, "`station` must be an object, not 3"),
        ({"station": {"name": "x"}}, "`station` lacks the field `height`"),
        ({"station": {**STATION, "x": 1}}, "`station` has no field `x`; its fields are name, heig"),
        ({"station": {**STATION, "height": "y"}}, '`station`.height must be a number, not "y"'),
        ({**good, "days": 300}, "`days` must be a whole number that fits into Int8, not 300"),
        ({**good, "days": 1.5}, "`days` must be a whole number, not 1.5"),
        ({**good, "days": True}, "`days` must be a whole number, not true"),
        ({**good, "scale": "warm"}, '`scale` must be one of "celsius", "kelvin", not "warm"'),
        ({**good, "note": 1}, "`note` must be a text, not 1"),
        ({**good, "options": {}}, "`options` lacks the field `label`"),
        ({**good, "tags": ["a", 1]}, "`tags`[2] must be a text, not 1"),
        ({**good, "limits": [1]}, "`limits` must be a list of 2 items, not a list"),
        ({**good, "weights": {"a": "b"}}, '`weights`.a must be a number, not "b"'),
    ):
        assert words in refusal(offering, "forecast", **given), given
    assert "offers no tool `absent` any more" in refusal(offering, "absent")


def test_a_function_that_throws_has_the_users_backtrace_only(offering: GateProcess) -> None:
    outcome = call(offering, "__fails")
    assert outcome.status == "error"
    assert outcome.error == "it is broken"
    assert "fails()" in outcome.reply.text("backtrace")
    assert "calls.jl" not in outcome.reply.text("backtrace")


def test_a_call_can_be_interrupted_like_any_evaluation(offering: GateProcess) -> None:
    eval_id = begin(offering, "spin")
    offering.wait_running(eval_id)
    assert offering.interrupt_safely(eval_id).status == "interrupted"
    assert offering.value_of("ended") == "true"


def test_malformed_calls_are_refused(offering: GateProcess) -> None:
    settings: list[tuple[str, Value]] = [("code", "x"), ("spool", offering.spool("x"))]
    for fields, words in (
        ([("tool", "shout"), ("number", "1")], "an argument without a name"),
        ([("tool", "shout"), ("argument", "x")], "a value is missing"),
        ([("tool", "shout"), ("argument", "x"), ("list", "2"), ("null", "")], "a value is missing"),
        ([("tool", "shout"), ("argument", "x"), ("integer", "y")], "no whole number"),
        ([("tool", "shout"), ("argument", "x"), ("odd", "1")], "unknown kind of value odd"),
    ):
        eval_id = offering.new_id()
        offering.send("eval", *settings, *fields, request_id=eval_id)
        offering.expect(eval_id, "accepted")
        outcome = offering.finish(eval_id)
        assert outcome.status == "error"
        assert words in outcome.error, fields


def test_a_daemon_is_told_unasked_when_the_offer_changes(offering: GateProcess) -> None:
    daemon = offering._context.socket(zmq.DEALER)
    daemon.setsockopt(zmq.ROUTING_ID, b"kaimond")
    daemon.linger = 0
    daemon.connect(f"ipc://{offering.endpoint}")
    heard: list[Reply] = []

    def hear() -> bool:
        while daemon.poll(10):
            _, *frames = daemon.recv_multipart()
            heard.append(Reply.parse(frames))
        return bool(heard)

    daemon.send_multipart([b"p", b"ping"])
    wait_until(hear, "the gate knows the daemon")
    heard.clear()

    offering.evaluate('Gate.serve(tools=[GateTool("later", () -> 1)])')
    wait_until(hear, "a tool was added")
    names = [tool.name for tool in offer_of(heard.pop()).tools]
    assert names[-1] == "later"
    assert "forecast" in names
    assert heard == []

    # Its function is changed, so that it takes something else.
    offering.evaluate("total(numbers::Float64...; start::Float64) = start + sum(numbers)")
    offering.evaluate("1")
    wait_until(hear, "a signature was changed")
    (total,) = [tool for tool in offer_of(heard.pop()).tools if tool.name == "total"]
    assert [argument.name for argument in total.arguments] == ["numbers", "start"]

    assert offering.value_of("@async (sleep(0.2); Gate.tools!([])); 1") == "1"
    wait_until(hear, "nothing is offered any more")
    assert offer_of(heard.pop()) == Offer()
    daemon.close()
