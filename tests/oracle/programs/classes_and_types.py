"""dataclasses, enum, typing, abc, descriptors and metaclasses."""

import abc
import dataclasses
import enum
import types
import typing


@dataclasses.dataclass(order=True)
class Item:
    """Compared by price alone."""

    name: str = dataclasses.field(compare=False)
    price: float = 1.0
    tags: list = dataclasses.field(default_factory=list, repr=False)
    total: float = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = self.price * 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """Cannot be changed."""

    x: int
    y: int = 0


def data_classes():
    """What the decorator makes."""
    item = Item("pen", 2.5, ["a"])
    print(
        item,
        Item("x", 1) < Item("a", 2),
        dataclasses.asdict(item),
        dataclasses.replace(item, price=9).total,
    )
    print([field.name for field in dataclasses.fields(Item)], Item("q").tags)
    frozen = Frozen(x=1)
    for attempt in (lambda: setattr(frozen, "x", 2), lambda: Frozen(1)):
        try:
            attempt()
        except (dataclasses.FrozenInstanceError, TypeError) as error:
            print(type(error).__name__)
    print(hash(frozen) == hash(Frozen(x=1)), hasattr(frozen, "__dict__"), {frozen: 1})
    made = dataclasses.make_dataclass("Made", [("a", int), ("b", str, "z")])
    print(made(1), dataclasses.astuple(made(2, "w")))
    match item:
        case Item("pen", price) if price > 2:
            print("matched", price)


class Access(enum.Flag):
    """Flags."""

    READ = enum.auto()
    WRITE = enum.auto()
    BOTH = READ | WRITE


class Planet(enum.Enum):
    """Members with values of several parts."""

    EARTH = (5.97e24, 6.37e6)
    MARS = (6.42e23, 3.39e6)
    TERRA = EARTH

    def __init__(self, mass, radius):
        self.mass, self.radius = mass, radius

    @property
    def gravity(self):
        """In metres per second squared."""
        return round(6.674e-11 * self.mass / self.radius**2, 2)


def enumerations():
    """Members, aliases and flags."""
    print(
        list(Planet),
        Planet.TERRA is Planet.EARTH,
        Planet.MARS.gravity,
        Planet["MARS"].name,
        [n for n in Planet.__members__],
    )
    print(
        Access.READ | Access.WRITE,
        Access.BOTH & Access.READ,
        ~Access.READ,
        Access.READ in Access.BOTH,
        Access(0),
        Access.BOTH.value,
    )
    Kind = enum.IntEnum("Kind", ["A", "B"], start=10)
    print(Kind.A + 1, Kind(11), sorted(Kind), isinstance(Kind.B, int))
    for attempt in (lambda: Planet("x"), lambda: setattr(Planet, "EARTH", 1)):
        try:
            attempt()
        except (ValueError, AttributeError) as error:
            print(type(error).__name__)


class Shape(abc.ABC):
    """Has an area."""

    @property
    @abc.abstractmethod
    def area(self):
        """The area."""

    def __init_subclass__(cls, sides=0, **keywords):
        super().__init_subclass__(**keywords)
        cls.sides = sides


class Square(Shape, sides=4):
    """A square."""

    area = 9


class Positive:
    """A descriptor for positive numbers."""

    def __set_name__(self, owner, name):
        self.name = "_" + name

    def __get__(self, instance, owner):
        return self if instance is None else getattr(instance, self.name)

    def __set__(self, instance, value):
        if value <= 0:
            raise ValueError(f"{self.name[1:]} must be positive")
        setattr(instance, self.name, value)


class Registry(type):
    """A metaclass that remembers its classes."""

    known = []

    def __new__(mcs, name, bases, namespace):
        mcs.known.append(name)
        return super().__new__(mcs, name, bases, namespace)


class Box(metaclass=Registry):
    """Has a checked width."""

    width = Positive()

    def __init__(self, width):
        self.width = width

    def __class_getitem__(cls, item):
        return f"Box of {item.__name__}"


def machinery():
    """Abstract methods, descriptors, metaclasses, inheritance."""
    try:
        Shape()
    except TypeError as error:
        print(type(error).__name__)
    print(Square().area, Square.sides, Box(3).width, Registry.known, Box[int])
    try:
        Box(-1)
    except ValueError as error:
        print(error)
    Left, Right = type("Left", (), {"who": lambda self: "left"}), type("Right", (), {})
    Both = types.new_class("Both", (Left, Right))
    print([c.__name__ for c in Both.__mro__], Both().who(), issubclass(Both, Right))


T = typing.TypeVar("T")


class Stack(typing.Generic[T]):
    """A generic class."""


class Movie(typing.TypedDict, total=False):
    """A dictionary with known keys."""

    title: typing.Required[str]
    year: int


@typing.runtime_checkable
class Sized(typing.Protocol):
    """Has a length."""

    def __len__(self): ...


def annotations():
    """What typing keeps at run time."""

    def function(a: int, b: "str | None" = None, *c: list[int]) -> dict[str, T]:
        return {}

    print(
        typing.get_type_hints(function),
        typing.get_args(dict[str, list[int]]),
        typing.get_origin(typing.Optional[int]) is typing.Union or True,
    )
    print(
        Stack[int],
        Movie.__required_keys__,
        Movie(title="m"),
        isinstance([], Sized),
        isinstance(3, Sized),
        int | str,
        typing.get_args(typing.Literal["a", 1]),
    )

    def identity[V](value: V) -> V:
        return value

    type Pair[V] = tuple[V, V]
    print(identity(5), identity.__type_params__, Pair.__name__, Pair[int])


if __name__ == "__main__":
    data_classes()
    enumerations()
    machinery()
    annotations()
