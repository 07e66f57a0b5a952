r"""Keep LaTeX out of Markdown's reach, as JupyterLab does, and within its own bounds. Pure.

JupyterLab cuts mathematics out before it parses Markdown, and puts it back into the HTML, even into
attributes. So we find it first, hide it in characters without a meaning in Markdown, and publish it in one
form: on one line, without quotes, and without commands that reach out of the formula.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_MAX_CHARS = 4000  # of one formula or code span, which bounds the search for its end
_BODY = rf"(?:[^$\\`\n]|\\[^\n]|\\?\n(?![ \t]*\n)){{1,{_MAX_CHARS}}}?"
# Code comes first: a dollar in it is no formula.
_FOUND = re.compile(
    r"(?P<code>^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?P<fence>`{3,}|~{3,})[^`\n]*\n"
    r"(?:.*\n)*?(?:[ \t>]*(?P=fence)[`~]*[ \t]*$|.*\Z)"
    rf"|(?<!`)(?P<ticks>`+)(?!`)(?:[^\n]|\n(?![ \t]*\n)){{1,{_MAX_CHARS}}}?(?<!`)(?P=ticks)(?!`)|`+)"
    rf"|\$\$(?P<display>{_BODY})\$\$|\$(?P<inline>{_BODY})\$"
    rf"|\\\\\((?P<round>{_BODY})\\\\\)|\\\\\[(?P<square>{_BODY})\\\\\]"
    rf"|(?P<environment>\\begin\{{(?P<name>[a-zA-Z]+\*?)\}}{_BODY}\\end\{{(?P=name)\}})"
    r"|\\[\s\S]",
    re.MULTILINE,
)
_DELIMITERS = {"display": "$$", "inline": "$", "round": "$", "square": "$$", "environment": ""}

# Links, styles (also those of a font or a frame), attributes, extensions, and computed names.
_COMMAND = re.compile(
    r"\\(href|url|style|class|cssId|data|html(?:Class|Id|Style|Data)|unicode|bbox|fcolorbox|mmlToken"
    r"|includegraphics|require|setOptions|csname)(?![A-Za-z])"
)
_PAIR = re.compile(r"\\[\s\S]")
_COMMENT = re.compile(r"((?:^|[^\\])(?:\\\\)*)%[^\n]*")
_AFTER_LINE_BREAK = re.compile(r"((?<!\\)(?:\\\\)+)(?=[{}]|$)")
# Characters that are Markdown, HTML or JupyterLab's own marks to a program that keeps mathematics in.
_FOREIGN = str.maketrans({"<": r"\lt ", ">": r"\gt ", '"': "\u201d", "`": "\u2018"})
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LINK = re.compile(r"\](?=[(\[:])|!(?=\[)|@(?=@)")

_FTP = re.compile("(?<=ftp):", re.IGNORECASE)

_PLANE = 0xF0000  # of private characters, in which mathematics hides
_MARK = chr(_PLANE + 0xFFFF)  # where a formula begins
_HIDDEN = re.compile(f"[{chr(_PLANE)}-{_MARK}]+")
_FORMULA = re.compile(f"({_MARK}[{chr(_PLANE)}-{chr(_PLANE + 0xFFFE)}]+)")


def hide(text: str) -> str:
    """Return `text` with its formulas in private characters, one for each unit of UTF-16.

    The text itself must not hold such characters, nor halves of surrogate pairs.
    """
    return _FOUND.sub(_hidden, text)


def reveal(text: str) -> str:
    """Return `text` as it was before `hide`, for code and addresses."""
    return _HIDDEN.sub(_source, text) if _HIDDEN.search(text) else text


def split(text: str, show: Callable[[str], str]) -> str:
    """Return `text` with its formulas as published, and the text between them through `show`."""
    if _MARK not in text:
        return show(reveal(text))
    parts = _FORMULA.split(text)
    parts[::2] = map(show, map(reveal, parts[::2]))
    parts[1::2] = (_published(reveal(part)) or show(reveal(part)) for part in parts[1::2])
    return "".join(parts)


def reaches_out(text: str) -> bool:
    """Return whether `text` has a command that no formula from outside may have."""
    return bool(_COMMAND.search(text))


def disarm(text: str) -> str:
    """Return `text` with an invisible character in such commands; MathJax looks for formulas in any text."""
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
