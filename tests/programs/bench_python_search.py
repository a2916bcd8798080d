"""Programs for bench_python.py that search: queens, a sudoku, the shortest way."""

import heapq
from collections.abc import Callable, Iterator


def expect(found: object, known: object) -> None:
    """Refuse a wrong answer."""
    if found != known:
        raise AssertionError(f"{found!r} is not {known!r}")


def placements(size: int, placed: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """All ways to complete queens that attack nobody."""
    row = len(placed)
    if row == size:
        yield placed
        return
    for column in range(size):
        if all(
            column != other and abs(column - other) != row - above
            for above, other in enumerate(placed)
        ):
            yield from placements(size, (*placed, column))


def queens() -> None:
    """All placements of six queens, of which there are four."""
    found = list(placements(6))
    expect((len(found), found[0]), (4, (1, 3, 5, 0, 2, 4)))


GRID = "530070000600195000098000060800060003400803001700020006060000280000419005000080079"
SOLVED = "534678912672195348198342567859761423426853791713924856961537284287419635345286179"
PEERS = [
    {
        other
        for other in range(81)
        if other != cell
        and (
            other // 9 == cell // 9
            or other % 9 == cell % 9
            or (other // 27, other % 9 // 3) == (cell // 27, cell % 9 // 3)
        )
    }
    for cell in range(81)
]


def solve(grid: list[str]) -> bool:
    """Fill the cell with the fewest candidates, and so on; take back what led nowhere."""
    best: tuple[int, set[str]] | None = None
    for cell, digit in enumerate(grid):
        if digit != "0":
            continue
        candidates = set("123456789") - {grid[peer] for peer in PEERS[cell]}
        if best is None or len(candidates) < len(best[1]):
            best = cell, candidates
            if len(candidates) <= 1:
                break
    if best is None:
        return True
    cell, candidates = best
    for digit in sorted(candidates):
        grid[cell] = digit
        if solve(grid):
            return True
    grid[cell] = "0"
    return False


def sudoku() -> None:
    """A sudoku by constraint and trial."""
    grid = list(GRID)
    expect(solve(grid), True)
    expect("".join(grid), SOLVED)


def shortest_way() -> None:
    """The cheapest way through a hilly square, by a heap."""
    size = 18
    height = [[(row * row * 7 + column * 13) % 11 for column in range(size)] for row in range(size)]
    costs = {(0, 0): 0}
    waiting = [(0, (0, 0))]
    while waiting:
        cost, place = heapq.heappop(waiting)
        if cost > costs[place]:
            continue
        row, column = place
        for below, beside in ((1, 0), (0, 1), (-1, 0), (0, -1)):
            other = row + below, column + beside
            if 0 <= other[0] < size and 0 <= other[1] < size:
                further = cost + 1 + height[other[0]][other[1]]
                if further < costs.get(other, further + 1):
                    costs[other] = further
                    heapq.heappush(waiting, (further, other))
    expect((len(costs), costs[size - 1, size - 1]), (size * size, SHORTEST))


SHORTEST = 115


PROGRAMS: dict[str, Callable[[], None]] = {
    "queens": queens,
    "sudoku": sudoku,
    "shortest_way": shortest_way,
}
