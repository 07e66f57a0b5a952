"""A mailbox between threads and readers, and the reader of an answer."""
