"""The table of what holds at each app of `tests.chats`. Its checks are those of `tests/client` too."""
