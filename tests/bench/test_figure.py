from __future__ import annotations

import msgspec
import pytest

from bench.__main__ import document, main, names, table
from bench.figure import Figure, median, p95, ratio


def make(value: float = 1.0, target: float | None = 2.0) -> Figure:
    return Figure(name="a", value=value, target=target, reference="floor 1 ms", unit="ratio", n=5)


@pytest.mark.parametrize(
    ("value", "target", "met"), [(1.9, 2.0, True), (2.0, 2.0, True), (2.01, 2.0, False), (9.0, None, None)]
)
def test_met_is_whether_the_value_is_within_the_target(value: float, target: float | None, met: bool | None) -> None:
    assert make(value, target).met is met


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], 7.0),
        ([float(n) for n in range(1, 21)], 19.0),
        ([float(n) for n in range(1, 101)], 95.0),
        ([3.0, 1.0, 2.0], 3.0),
    ],
)
def test_p95_is_the_nearest_rank_whatever_the_order(values: list[float], expected: float) -> None:
    assert p95(values) == expected
    assert p95(values[::-1]) == expected


def test_median_ignores_one_outlier() -> None:
    assert median([1.0, 1000.0, 2.0]) == 2.0


def test_a_ratio_tells_both_sides() -> None:
    figure = ratio("first-paint", 1.25, ("devdeck", 300.0), ("floor-min", 240.0), 5)
    assert figure.value == 1.25
    assert figure.met
    assert figure.reference == "devdeck 300.0 ÷ floor-min 240.0 ms"


def test_the_document_has_the_agreed_shape() -> None:
    read = msgspec.json.decode(document([make(), make(3.14159, None)]))
    assert list(read) == ["figures"]
    assert [list(figure) for figure in read["figures"]] == [
        ["name", "value", "target", "met", "reference", "unit", "n"]
    ] * 2
    assert read["figures"][0] == {
        "name": "a",
        "value": 1.0,
        "target": 2.0,
        "met": True,
        "reference": "floor 1 ms",
        "unit": "ratio",
        "n": 5,
    }
    assert (read["figures"][1]["value"], read["figures"][1]["target"], read["figures"][1]["met"]) == (3.142, None, None)


def test_the_table_says_what_was_missed_and_lines_up() -> None:
    lines = table([make(), make(3.0), make(3.0, None)]).splitlines()
    assert [line.split()[3] for line in lines] == ["met", "yes", "NO", "-"]
    assert len({line.index("ratio") for line in lines[1:]}) == 1


def test_names_are_unique_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out.split()
    assert listed == names()
    assert len(set(listed)) == len(listed)
    assert {"first-paint", "first-paint-10", "idle-cpu", "ls-100", "start"} <= set(listed)


def test_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "first-paint,fastest-paint"])
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert "fastest-paint" in captured.err
    assert captured.out == ""
