"""Which encoding does a text have that is not UTF-8? Shows how a word reads in the likely ones. Pure: no I/O.

Bytes alone do not tell: the same bytes are Hélène in cp1252 and Hélčne in cp1250, and both are words. So no encoding is
suggested alone. Those are shown in which the most words look like words, each with its reading, and whoever knows the
names in the file chooses.

A word looks like a word if it consists of letters of one script, in lower case, in upper case, or with a capital at its
beginning. A word of the Latin script also has a letter of ASCII, unless it is very short.
"""

import re
from collections.abc import Mapping, Sequence
from unicodedata import name as name_of

_ENCODINGS = (
    *("cp1250", "cp1252", "cp1254", "iso8859-2", "cp1257", "cp852", "cp850"),  # Latin
    *("cp1251", "cp1253", "cp1255", "cp1256"),  # Cyrillic, Greek, Hebrew, Arabic
    *("cp932", "gb18030", "big5", "cp949"),  # Japanese, Chinese, Korean
)
"""The encodings of spreadsheets and shops, in the order in which they are shown if they are equally likely."""
_FEWEST, _MOST = 2, 4
"""How many encodings are shown."""
_LIKELY = 0.8
"""The fewest words that look like words in an encoding that is shown, as a part of those in the best one."""
LONGEST_WORD = 20
"""The most characters of a word that are shown."""
_WORD = re.compile(r"[A-Za-z]*[^\x00-\x7f][^\x00-@\[-`{-\x7f]*")
"""A character beyond ASCII, and the letters around it."""
_BEGUN_WORD = re.compile(rb"[A-Za-z]*\Z")
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"})


def begin_of_word(before: bytes) -> bytes:
    """Return the letters at the end of some bytes: the beginning of the word that goes on behind them."""
    found = _BEGUN_WORD.search(before)
    return found[0] if found else b""


def encoding_to_choose(texts: Sequence[bytes]) -> str:
    """Return what to do about texts that are not UTF-8, each of which begins with a word that is not ASCII."""
    words = {encoding: [_WORD.findall(text.decode(encoding, "replace")) for text in texts] for encoding in _ENCODINGS}
    likely = _likely(words)
    shown = max(zip(*(map(_first, words[encoding]) for encoding in likely), strict=True), key=_difference)
    choices = [
        f'encoding="{encoding}" reads {word[:LONGEST_WORD]!r}' for encoding, word in zip(likely, shown, strict=True)
    ]
    return f"give the encoding that reads right: {', '.join(choices)}"


def _likely(words: Mapping[str, Sequence[Sequence[str]]]) -> Sequence[str]:
    """Return the likeliest encodings, the best first.

    Of those in which all words are the same, only the first is returned, unless there is no other likely one.
    """
    likeness = {encoding: _likeness([word for line in lines for word in line]) for encoding, lines in words.items()}
    ranked = sorted(words, key=lambda encoding: -likeness[encoding])
    different = [
        encoding
        for number, encoding in enumerate(ranked)
        if likeness[encoding] >= _LIKELY * likeness[ranked[0]]
        and not any(words[encoding] == words[earlier] for earlier in ranked[:number])
    ]
    return different[:_MOST] if len(different) >= _FEWEST else ranked[:_FEWEST]


def _likeness(words: Sequence[str]) -> float:
    return sum(map(_is_like_a_word, words)) / len(words) if words else 0


def _is_like_a_word(word: str) -> bool:
    if not word.isalpha():
        return False
    scripts = {name_of(letter, "").partition(" ")[0] for letter in word}
    if scripts <= _EAST_ASIAN:
        return True
    if len(scripts) > 1 or (scripts == {"LATIN"} and len(word) > 2 and not re.search("[A-Za-z]", word)):
        return False
    return word in {word.lower(), word.upper(), word.title()}


def _first(words: Sequence[str]) -> str:
    return words[0] if words else ""


def _difference(readings: Sequence[str]) -> tuple[int, int]:
    """Return how well a word shows which encoding is right: how many readings it has, and how short it is."""
    return len(set(readings)), -len(readings[0])
