"""Reads the products of an XML feed of any size: one at a time, each in limited memory.

expat calls the methods of `_FeedHandler`, which holds only the product that is open. Entities are refused, because a
small file could grow into a large one through them; nothing that a feed refers to is downloaded.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import IO
from xml.parsers import expat

from attrs import define, field, frozen

from ..errors import Invalid
from ..support.nearest import plain

PRODUCT_ELEMENTS = ("item", "entry", "o", "offer", "product")
"""The names of product elements in feeds: Google's RSS and Atom, Ceneo's, others."""

MOST_CHARACTERS = 1_000_000
DEEPEST = 64
PIECE = 64 * 1024


@frozen
class XmlProduct:
    """The texts of a product, by plain name: an element may be repeated.

    `is_too_long` is true if it had more text than a product can have.
    """

    line: int
    texts: Mapping[str, Sequence[str]]
    is_too_long: bool = False

    @property
    def fields(self) -> Mapping[str, str]:
        """The first text of each name."""
        return {name: found[0] for name, found in self.texts.items()}


def read_products(file: IO[bytes], elements: Sequence[str] = PRODUCT_ELEMENTS) -> Iterator[XmlProduct]:
    """Yield the products of a feed: the elements with one of these names.

    Raises `Invalid`, after the products before the mistake, if the file is not XML, defines entities, or is nested
    deeper than a feed.
    """
    reader = _FeedHandler(frozenset(map(plain, elements)))
    piece = b"-"
    while piece:
        piece = file.read(PIECE)
        problem = reader.parse(piece)
        yield from reader.take()  # what came before the problem
        if problem:
            raise problem


@define
class _OpenProduct:
    """The product that is being read: the current position in it, and its fields so far."""

    line: int
    depth: int
    path: list[str] = field(factory=list)
    texts: list[list[str]] = field(factory=list)
    found: dict[str, list[str]] = field(factory=dict[str, list[str]])
    characters: int = 0

    def keep(self, name: str, text: str) -> None:
        """Keep a text of a name."""
        if text and self.count(name):
            self.found.setdefault(plain(name), []).append(text)

    def count(self, text: str) -> bool:
        """Count text; return whether it is within the limit."""
        self.characters += len(text)
        return self.characters <= MOST_CHARACTERS


class _FeedHandler:
    def __init__(self, elements: frozenset[str]) -> None:
        self._elements = elements
        self._depth = 0
        self._product: _OpenProduct | None = None
        self._read: list[XmlProduct] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = self._refuse
        self.parser.SkippedEntityHandler = self._refuse

    def parse(self, piece: bytes) -> Invalid | None:
        """Read on, to the end of the feed if the piece is empty; return what is wrong there."""
        try:
            self.parser.Parse(piece, not piece)
        except Invalid as error:
            return error
        except (expat.ExpatError, LookupError, ValueError) as error:
            return Invalid(f"is not valid XML: {error}")
        return None

    def take(self) -> list[XmlProduct]:
        """Return the products that are complete, and forget them."""
        read, self._read = self._read, []
        return read

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Invalid(f"line {self.parser.CurrentLineNumber} is nested more than {DEEPEST} elements deep")
        name = _local(tag)
        if self._product:
            _enter(self._product, attributes.get("name", name), attributes)
        elif self._depth > 1 and plain(name) in self._elements:  # the root element is never a product
            self._product = _OpenProduct(self.parser.CurrentLineNumber, self._depth)
            _enter(self._product, "", attributes)

    def _text(self, text: str) -> None:
        if self._product and self._product.count(text):
            self._product.texts[-1].append(text)

    def _end(self, _tag: str) -> None:
        product, depth = self._product, self._depth
        self._depth -= 1
        if product is None:
            return
        product.keep(".".join(filter(None, product.path)), "".join(product.texts.pop()).strip())
        product.path.pop()
        if depth == product.depth:
            is_too_long = product.characters > MOST_CHARACTERS
            self._read.append(XmlProduct(product.line, product.found, is_too_long))
            self._product = None

    def _refuse(self, *_: object) -> None:
        raise Invalid(f"line {self.parser.CurrentLineNumber} defines an entity, which is not accepted")


def _enter(product: _OpenProduct, name: str, attributes: Mapping[str, str]) -> None:
    """Enter an element of a product, or the product itself, and keep its attributes."""
    product.path.append(name)
    product.texts.append([])
    for attribute, value in attributes.items():
        if product.count(value):
            product.keep(".".join(filter(None, (*product.path, _local(attribute)))), value.strip())


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]
