"""`python -m qwen_spaces` is `qwen-spaces`."""

from .cli import main

main()
