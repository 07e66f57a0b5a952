"""Keep formulas out of Markdown, as JupyterLab does, and make them safe. Pure.

JupyterLab cuts formulas out before it parses Markdown, and puts them back into the HTML, even into
attributes. So we hide them in characters that mean nothing in Markdown, and publish them in one form: on one
line, without quotes, and without commands that affect the page outside the formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MAX_CHARS = 4000  # of a formula or code span; bounds the search for its end
_BODY = rf"(?:[^$\\`\n]|\\[^\n]|\\?\n(?![ \t]*\n)){{1,{_MAX_CHARS}}}?"
# Between dollars there is no other formula: "$5 for \(x\), $6 for \(y\)" has two.
_DOLLARS = _BODY.replace(r"\\[^\n]", r"\\[^\n()\[\]]")
# Code comes first, for a dollar in it does not start a formula.
_FOUND = re.compile(
    r"(?P<code>^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?P<fence>`{3,}|~{3,})[^`\n]*\n"
    r"(?:.*\n)*?(?:[ \t>]*(?P=fence)[`~]*[ \t]*$|.*\Z)"
    rf"|(?<!`)(?P<ticks>`+)(?!`)(?:[^\n]|\n(?![ \t]*\n)){{1,{_MAX_CHARS}}}?(?<!`)(?P=ticks)(?!`)|`+)"
    rf"|\$\$(?P<display>{_DOLLARS})\$\$|\$(?P<inline>{_DOLLARS})\$"
    rf"|\\\\\((?P<round>{_BODY})\\\\\)|\\\\\[(?P<square>{_BODY})\\\\\]"
    rf"|\\\((?P<single_round>{_BODY})\\\)|\\\[(?P<single_square>{_BODY})\\\]"
    rf"|(?P<environment>\\begin\{{(?P<name>[a-zA-Z]+\*?)\}}{_BODY}\\end\{{(?P=name)\}})"
    r"|\\[\s\S]",
    re.MULTILINE,
)
_DELIMITERS = {
    "display": "$$",
    "inline": "$",
    "round": "$",
    "square": "$$",
    "single_round": "$",  # as models write; JupyterLab knows neither this
    "single_square": "$$",  # nor this
    "environment": "",
}

# Links, styles (also those of a font or a frame), attributes, extensions, and computed names.
_COMMAND = re.compile(
    r"\\(href|url|style|class|cssId|data|html(?:Class|Id|Style|Data)|unicode|bbox|fcolorbox|mmlToken"
    r"|includegraphics|require|setOptions|csname)"
    r"(?:(?![A-Za-z])|(?=(?:https?|ftp)://|www\.))"  # where a renderer makes a link, it breaks the word
)
_PAIR = re.compile(r"\\[\s\S]")
_COMMENT = re.compile(r"((?:^|[^\\])(?:\\\\)*)%[^\n]*")
_AFTER_LINE_BREAK = re.compile(r"((?<!\\)(?:\\\\)+)(?=[{}]|$)")
# Characters with a meaning in Markdown, HTML or JupyterLab to a program that does not cut formulas out.
_FOREIGN = str.maketrans({"<": r"\lt ", ">": r"\gt ", '"': "\u201d", "`": "\u2018"})
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LINK = re.compile(r"\](?=[(\[:])|!(?=\[)|@(?=@)")
_FTP = re.compile("(?<=ftp):", re.IGNORECASE)

_PLANE = 0xF0000  # the first private character; they hide formulas
_MARK = chr(_PLANE + 0xFFFF)  # the start of a formula
_HIDDEN = re.compile(f"[{chr(_PLANE)}-{_MARK}]+")
_FORMULA = re.compile(f"({_MARK}[{chr(_PLANE)}-{chr(_PLANE + 0xFFFE)}]+)")


def hide(text: str) -> str:
    """Return `text`, which has neither private characters nor surrogates, with its formulas hidden."""
    return _FOUND.sub(_hidden, text)


def reveal(text: str) -> str:
    """Return `text` as it was before `hide`."""
    return _HIDDEN.sub(_source, text) if _HIDDEN.search(text) else text


def split(text: str, show: Callable[[str], str]) -> str:
    """Return `text` with its formulas as published, and `show` applied to the text between them."""
    if _MARK not in text:
        return show(reveal(text))
    parts = _FORMULA.split(text)
    parts[::2] = map(show, map(reveal, parts[::2]))
    parts[1::2] = (_published(reveal(part)) or show(reveal(part)) for part in parts[1::2])
    return "".join(parts)


def has_single(text: str) -> bool:
    r"""Return whether `text` has a formula in ``\(...\)`` or ``\[...\]``, which JupyterLab does not know."""
    return any(match.lastgroup in ("single_round", "single_square") for match in _FOUND.finditer(text))


def reaches_out(text: str) -> bool:
    """Return whether `text` has a command that affects the page outside its formula."""
    return bool(_COMMAND.search(text))


def disarm(text: str) -> str:
    """Return `text` with a zero-width space in such commands, for MathJax looks for formulas in any text."""
    return _COMMAND.sub("\\\\\u200b\\1", text)


def _hidden(match: re.Match[str]) -> str:
    found = match[0]
    if match.lastgroup not in _DELIMITERS or not _is_balanced(found):
        return found
    units = found.encode("utf-16-le")
    return _MARK + "".join(
        chr(_PLANE + int.from_bytes(units[place : place + 2], "little")) for place in range(0, len(units), 2)
    )


def _source(match: re.Match[str]) -> str:
    units = (ord(character) - _PLANE for character in match[0] if character != _MARK)
    return b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "replace")


def _is_balanced(formula: str) -> bool:
    braces = _PAIR.sub("", formula)
    return braces.count("{") == braces.count("}")


def _published(formula: str) -> str:
    """Return the formula as published, ``""`` if it is empty."""
    match = _FOUND.fullmatch(formula)
    kind = next((name for name in _DELIMITERS if match and match[name] is not None), None)
    if match is None or kind is None:
        return ""
    body = " ".join(_COMMENT.sub(r"\1", match[kind]).split())
    for pattern, new in (
        (_COMMAND, r"\\text{\1}"),
        (_ENTITY, "& "),
        (_LINK, r"\g<0> "),
        (_FTP, "{:}"),
        (_AFTER_LINE_BREAK, r"\1 "),
    ):
        body = pattern.sub(new, body)
    body = body.translate(_FOREIGN)
    if body.endswith("\\"):
        body += " "
    return f"{_DELIMITERS[kind]}{body}{_DELIMITERS[kind]}" if body else ""
