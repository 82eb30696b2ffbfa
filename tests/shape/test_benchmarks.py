"""BENCHMARKS.md shows the rows that `make bench` measures, with their goals."""
from bench.row import Row, listed
from bench.show import BEGIN, END, figure, markdown, replace_table, table_goals
from harness import ROOT

HOW = "run `make bench`, then tests/bench/run.py --record"


def rows():
    """Names and goals of all rows, by their source."""
    files = sorted((ROOT / "tests/bench").glob("rows_*.py"))
    return [row for path in files for row in listed(path.read_text("utf-8"))]


def row(numbers, unit="µs", goal="≤ 1.3 ×"):
    """One that gives these pairs."""
    return Row(lambda: iter(numbers), "a row", unit, "a peer", goal).measure()


def test_what_benchmarks_shows_are_rows_and_their_goals():
    page = (ROOT / "BENCHMARKS.md").read_text("utf-8")
    shown = dict(table_goals(page))
    assert shown and shown.items() <= dict(rows()).items(), HOW


def test_no_two_rows_have_the_same_name():
    names = [name for name, _goal in rows()]
    assert len(names) == len(set(names)) > 0


def test_the_ratio_is_the_median_of_the_pairs_and_meets_its_goal_or_not():
    met = row([(10, 10), (10, 10), (13, 10), (20, 10), (30, 10)])
    assert met["ratio"] == 1.3 and met["ok"] is True
    assert (met["ours"], met["ours_min"], met["ours_max"], met["peer"]) == (13, 10, 30, 10)
    missed = row([(10, 10), (10, 10), (13.1, 10), (20, 10), (30, 10)])
    assert missed["ok"] is False


def test_a_goal_without_a_peer_is_of_our_own_median():
    assert row([(n, None) for n in (14, 14, 15, 16, 17)], "M/s", "≥ 15 M/s")["ok"] is True
    assert row([(n, None) for n in (14, 14, 14.9, 16, 17)], "M/s", "≥ 15 M/s")["ok"] is False


def test_fewer_than_five_pairs_a_peer_now_and_then_and_a_goal_of_another_unit_are_refused():
    four, five = [(1, 1)] * 4, [(1, 1)] * 5
    for numbers, goal in ((four, "≤ 1 ×"), ([*four, (1, None)], "≤ 1 ×"), ([(1, None)] * 5, "≤ 1 ×"),
                          (five, "≤ 1 ms"), (five, "about 1 ×")):
        try:
            row(numbers, goal=goal)
        except (AssertionError, ValueError):
            continue
        raise AssertionError(f"{numbers} {goal} was taken")


def test_what_is_recorded_is_what_the_page_shows():
    table = markdown([row([(1, 1)] * 5), row([(1, None)] * 5, goal=None)], "a machine")
    page = replace_table(f"before\n{BEGIN}old\n{END}after\n", table)
    assert page == f"before\n{BEGIN}{table}{END}after\n"
    assert list(table_goals(page)) == [("a row", "≤ 1.3 ×"), ("a row", None)]


def test_figures_show_three_digits():
    shown = [figure(value) for value in (None, 0, 0.00123, 0.5, 1.234, 12.34, 123.4, 12345.6)]
    assert shown == ["", "0", "0.0012", "0.50", "1.23", "12.3", "123", "12,346"]
