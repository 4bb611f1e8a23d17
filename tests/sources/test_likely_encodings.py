"""The encodings that are shown for a file that is not UTF-8: the right one is among them, with the right reading."""

import re

import pytest

from salesmanago_async.sources.likely_encodings import encoding_to_choose

NAMES = {
    "Polish": ("Świętosław Żółć Łukasz Gęś Kraków", ["cp1250", "iso8859-2", "cp852"]),
    "Czech": ("Jiří Dvořák Žižka Plzeň", ["cp1250"]),
    "French": ("Hélène François Benoît Zoé", ["cp1252", "cp850"]),
    "Spanish": ("José Ñuñez Begoña María", ["cp1252"]),
    "Portuguese": ("João Gonçalves Conceição", ["cp1252"]),
    "German": ("Jürgen Müller Weiß Gößl", ["cp1252"]),
    "Norwegian": ("Åsa Bjørk Søren Håkon", ["cp1252"]),
    "Icelandic": ("Guðrún Þór", ["cp1252"]),
    "Turkish": ("Ayşe Yıldız Çağlar İsmail", ["cp1254"]),
    "Latvian": ("Jānis Bērziņš Žukauskienė", ["cp1257"]),
    "Russian": ("София Новак Дмитрий", ["cp1251"]),
    "Greek": ("Ελένη Παπαδοπούλου Γιώργος", ["cp1253"]),
    "Hebrew": ("שרה כהן דוד", ["cp1255"]),
    "Arabic": ("محمد علي فاطمة", ["cp1256"]),
    "Japanese": ("山田太郎 佐藤さくら 鈴木", ["cp932"]),
    "Chinese": ("张伟 王芳 李娜", ["gb18030"]),
    "Korean": ("김철수 이영희", ["cp949"]),
}
CASES = [(names, encoding) for names, encodings in NAMES.values() for encoding in encodings]


@pytest.mark.parametrize(("names", "encoding"), CASES)
def test_the_right_encoding_is_one_of_several_with_a_name_as_it_reads(names: str, encoding: str) -> None:
    words = names.split()
    texts = [f"{word},Bob,5".encode(encoding) for word in words]
    choices = re.findall(r"""encoding="(\S+)" reads '(.*?)'""", encoding_to_choose(texts))
    assert 2 <= len(choices) <= 4
    assert dict(choices)[encoding] in words


def test_nothing_but_one_word_is_shown() -> None:
    texts = [f"{'ż' * 100} secret,zofia@example.com".encode("cp1250")]
    advice = encoding_to_choose(texts)
    assert "secret" not in advice
    assert "@" not in advice
    assert len(advice) < 250
