"""Prices as product feeds write them, with a currency: "12.50 PLN", "€12.50", "US$ 12.50". Pure: no I/O.

The currency is left out only if it surely is one: "from 10 €", "10 EUR/m" and "10 %" are other things than prices.
"""

import re
import unicodedata

_NO_CURRENCY = r"\d\s.,'+-"
_PRICE = re.compile(rf"([^{_NO_CURRENCY}]{{0,3}})\s*([-+]?\d[\d.,\s']*?)\s*([^{_NO_CURRENCY}]{{0,3}})")
_CODES = (
    "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf "
    "clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl hrk "
    "htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl "
    "mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron "
    "rsd rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah "
    "ugx usd uyu uzs ves vnd vuv wst xaf xcd xcg xof xpf yer zar zmw zwg"
)
"""The codes of ISO 4217."""
_ISO_4217 = frozenset(_CODES.split())
_SIGNS = "zł zl kč ft kr lei leu din kn km лв руб ден грн rs fr sfr tl rm rp dh"
"""Signs of currencies that are letters."""
_CURRENCIES = frozenset([*_CODES.split(), *_SIGNS.split()])


def amount_in(text: str) -> str | None:
    """Return the number in a price, as it is written; None if the text is no number with at most a currency."""
    found = _PRICE.fullmatch(text.strip())
    return found[2] if found and _is_currency(found[1]) and _is_currency(found[3]) else None


def currency_in(text: str) -> str | None:
    """Return the code of the currency of a price, in capital letters; None if it has none, or another sign."""
    found = _PRICE.fullmatch(text.strip())
    words = (found[1].casefold(), found[3].casefold()) if found else ()
    return next((word.upper() for word in words if word in _ISO_4217), None)


def _is_currency(word: str) -> bool:
    """Return whether a word is a currency, or nothing: zł, €, US$."""
    if not word or word.casefold() in _CURRENCIES:
        return True
    letters, sign = word[:-1], word[-1]
    return unicodedata.category(sign) == "Sc" and (not letters or (letters.isascii() and letters.isalpha()))
