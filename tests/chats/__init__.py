"""Small chat apps, each of one shape that Gradio chats have, and what is expected of each.

They are our own: what others wrote showed which shapes there are. Each is built for Gradio 4.44, 5 and 6,
where that shape exists there, and runs without this package.
"""

from . import answers, asides, chains, extras, files, histories, images, login, names, others, states, ties
from .app import APPS, KINDS, ChatApp, Expected, Place, Refusal

__all__ = [
    "APPS",
    "KINDS",
    "ChatApp",
    "Expected",
    "Place",
    "Refusal",
    "answers",
    "asides",
    "chains",
    "extras",
    "files",
    "histories",
    "images",
    "login",
    "names",
    "others",
    "states",
    "ties",
]
