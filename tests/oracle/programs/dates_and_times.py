"""Dates, times, zones of fixed offset, formatting, parsing, calendars."""

import calendar
import datetime as dt
import time


def arithmetic():
    """Differences and sums over month and leap day ends."""
    start = dt.datetime(2024, 2, 28, 23, 59, 59, 999999)
    for delta in (
        dt.timedelta(microseconds=1),
        dt.timedelta(days=1),
        dt.timedelta(weeks=-9),
        dt.timedelta(hours=1.5),
    ):
        print(start + delta, delta, delta.total_seconds())
    print(
        dt.date(2026, 3, 1) - dt.date(2024, 2, 29),
        dt.timedelta(7, 5) // 3,
        dt.timedelta(-1, 1),
        abs(dt.timedelta(-1)),
        dt.timedelta(1) / dt.timedelta(0, 7),
    )
    print(dt.date.max, dt.datetime.min, dt.timedelta.resolution)
    try:
        dt.date.max + dt.timedelta(1)
    except OverflowError as error:
        print("OverflowError", error)


def zones():
    """Offsets from UTC."""
    east = dt.timezone(dt.timedelta(hours=5, minutes=30), "EAST")
    moment = dt.datetime(2026, 7, 8, 9, 10, 11, tzinfo=dt.timezone.utc)
    print(
        moment.astimezone(east),
        moment.isoformat(),
        moment.timestamp(),
        moment.astimezone(east) == moment,
        moment.astimezone(east).tzname(),
    )
    print(dt.datetime.fromtimestamp(1e9, east), dt.datetime.fromtimestamp(0, dt.UTC))
    try:
        print(moment < dt.datetime(2026, 1, 1))
    except TypeError as error:
        print(error)


def text():
    """To text and back."""
    moment = dt.datetime(2026, 1, 5, 6, 7, 8, 90)
    for form in [
        "%Y-%m-%d %H:%M:%S.%f",
        "%a %A %b %B %d",
        "%j %U %W %u %w",
        "%I:%M %p",
        "%G-W%V-%u",
        "%y%%",
        "%x|%X",
    ]:
        print(form, "->", moment.strftime(form))
    print(f"{moment:%d/%m/%Y}", moment.ctime(), moment.isoformat(" ", "minutes"))
    for string in [
        "2026-01-05",
        "2026-01-05T06:07:08.000090+02:00",
        "20260105T060708Z",
        "2026-W02-1",
    ]:
        print(dt.datetime.fromisoformat(string))
    print(dt.datetime.strptime("5 Jan 2026 18h", "%d %b %Y %Hh"))
    for bad in ["2026-13-01", "hello", "2026-02-30"]:
        try:
            dt.date.fromisoformat(bad)
        except ValueError:
            print("refused", bad)


def parts():
    """Fields, replacing, ISO calendar, ordinals."""
    day = dt.date(2026, 11, 23)
    print(
        day.isocalendar(),
        day.weekday(),
        day.toordinal(),
        day.timetuple().tm_yday,
        day.replace(month=2),
        dt.date.fromisocalendar(2026, 48, 1) == day,
    )
    print(
        dt.time(1, 2, 3, 4, fold=1),
        dt.time.fromisoformat("04:05"),
        dt.datetime.combine(day, dt.time(12)),
    )


def calendars():
    """Months in text."""
    print(calendar.month(2024, 2), calendar.TextCalendar(6).formatmonth(2026, 11))
    print(
        calendar.isleap(1900),
        calendar.leapdays(1900, 2001),
        calendar.monthrange(2026, 2),
        calendar.weekday(1969, 7, 20),
    )
    print(calendar.Calendar().monthdayscalendar(2026, 11))
    print(calendar.timegm((2001, 9, 9, 1, 46, 40)))


def c_library():
    """Module time with given moments."""
    moment = time.gmtime(1_700_000_000)
    print(tuple(moment), time.strftime("%Y %j %H", moment), time.asctime(moment))
    print(tuple(time.strptime("12 Dec 1999", "%d %b %Y"))[:8])


if __name__ == "__main__":
    arithmetic()
    zones()
    text()
    parts()
    calendars()
    c_library()
