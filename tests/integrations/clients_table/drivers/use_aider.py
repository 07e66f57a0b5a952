"""aider, as a program: it answers, whole and streamed, and writes a file (the structured output)."""

import json
import pathlib
import subprocess
import sys

from cells import MODEL, run

COMMAND = [sys.executable, "-m", "aider", "--model", f"openai/{MODEL}", "--no-git", "--yes-always"]
COMMAND += ["--no-pretty", "--no-show-model-warnings", "--no-check-update", "--no-analytics"]
COMMAND += ["--no-show-release-notes"]


def aider(prompt, *more):
    """Give what the program prints of the answer, as it comes."""
    command = [*COMMAND, "--message", prompt, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        heading = b""
        while b"You asked" not in heading and (part := process.stdout.read(1)):
            heading += part
        yield "You asked"
        while part := process.stdout.read(4096).decode():
            answer, tokens, _ = part.partition("Tokens:")  # which it counts after the answer
            yield answer
            if tokens:
                break
        process.communicate()
    assert not process.returncode


def structured(prompt):
    file = pathlib.Path("person.json")
    file.write_text("{}\n")
    for _ in aider(prompt, "--edit-format", "whole", str(file)):
        pass
    return json.loads(file.read_text())


run(
    plain=lambda prompt: "".join(aider(prompt, "--no-stream", "--chat-mode", "ask")),
    streaming=lambda prompt: aider(prompt, "--stream", "--chat-mode", "ask"),
    structured=structured,
)
