"""The magic ``%%qwen``, interrupting a real kernel, and the notebooks as they are kept."""

from __future__ import annotations

import json
import re
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from qwen_spaces import QwenSpace

from ..support.images import picture
from ..support.modes import PATIENCE
from ..support.page import Page, new_page
from ..support.servers import Servers

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with new_page(tmp_path) as page:
        yield page


@pytest.fixture
def magic(page: Page, servers: Servers) -> Callable[[str], Any]:
    page.names.update({"url": servers["qwen-2.5"], "eye": servers["qvq-72b"]})
    assert page.run("%load_ext qwen_spaces.notebook").text == ""
    return lambda code: page.run(code)


def test_the_magic_streams_and_stores_the_reply(magic: Callable[[str], Any], page: Page) -> None:
    ended = magic('%%qwen --src $url -s "Be brief." -o reply\nWhy is\nthe sky blue?\n')
    assert (ended.text, ended.error) == ("", None)
    assert 'You asked: "Why is\nthe sky blue?"' in page.shown[0]
    assert 'System prompt: "Be brief."' in page.shown[0]
    assert page.names["reply"] is page.names["_"] is ended.value
    assert ended.value.text == page.shown[0]


def test_the_magic_continues_a_conversation(magic: Callable[[str], Any], page: Page) -> None:
    magic("%%qwen --src $url -c chat -s 'Be brief.'\nMy name is Ada.")
    magic("%%qwen -c chat\nWhat is my name?")
    first, second = page.shown
    assert "This is turn 1." in first
    assert 'you said: "My name is Ada."' in second
    assert 'System prompt: "Be brief."' in second
    assert len(page.names["chat"].messages) == 5


def test_the_magic_takes_images_and_spaces_by_the_names_of_variables(
    magic: Callable[[str], Any], page: Page, tmp_path: Path
) -> None:
    (tmp_path / "my cat.png").write_bytes(picture("PNG", (64, 48), "orange"))
    page.names.update(
        {"dot": picture("PNG", (5, 6), "red"), "space": QwenSpace("qvq-72b", src=page.names["eye"])}
    )
    magic(f'%%qwen -m qvq-72b --src $eye -i "{tmp_path}/my cat.png"\nWhat is this?')
    magic("%%qwen -m space -i dot\nAnd this?")
    assert "64x48" in page.shown[0]
    assert "5x6" in page.shown[1]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-m qwen-2.6", "Did you mean 'qwen-2.5'?"),
        ("--sauce x", "unrecognized arguments: --sauce x"),
        ("-s 'Be brief", "No closing quotation"),
        ("-o two-words", "cannot be the name of a variable"),
        ("-c url", "url is a str, not a conversation."),
        ("-i nowhere.png -m qvq-72b", "nowhere.png"),
    ],
)
def test_wrong_usage_of_the_magic_is_one_line(line: str, message: str, magic: Callable[[str], Any]) -> None:
    ended = magic(f"%%qwen {line}\nHi")
    assert message in ended.text
    assert ended.text.startswith("UsageError: ")
    assert ended.text.count("\n") == 1


def test_a_failing_magic_shows_the_box_and_one_line(magic: Callable[[str], Any], page: Page) -> None:
    ended = magic("%%qwen --src $url -o reply\nFail. [[gr-error=Out of tokens]]")
    (box,) = page.shown
    assert box.startswith("SpaceError: ")
    assert "Out of tokens" in box
    assert ended.error is not None
    assert ended.text == "No answer: the reason is above.\n"
    assert "reply" not in page.names


def test_the_magic_explains_itself(magic: Callable[[str], Any]) -> None:
    explanation = magic("%%qwen?").text
    for part in ("-m MODEL, --model MODEL", "-c NAME", "-o NAME", "Be brief.", "Address of the Space"):
        assert part in explanation


KERNEL_SETUP = "from qwen_spaces import QwenSpace\nspace = QwenSpace('qwen-2.5', src={url!r})"


class Kernel:
    """A real kernel and its client."""

    def __init__(self) -> None:
        self.manager, self.client = start_new_kernel(kernel_name="python3")

    def ended(self, request: str) -> tuple[list[str], dict[str, Any]]:
        """What a cell shows when it is over, and its reply."""
        outputs: dict[str, str] = {}
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind.endswith("display_data"):
                outputs[content["transient"]["display_id"]] = content["data"]["text/plain"]
            elif kind in ("error", "stream", "execute_result"):
                outputs[kind] = str(content.get("text", content.get("traceback", content.get("data"))))
        while (reply := self.client.get_shell_msg(timeout=PATIENCE))["parent_header"]["msg_id"] != request:
            pass
        return list(outputs.values()), reply["content"]

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture(scope="module")
def kernel(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jupyter_client's own
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        kernel = Kernel()
        kernel.ended(kernel.client.execute(KERNEL_SETUP.format(url=servers["qwen-2.5"])))
        yield kernel
        kernel.stop()


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("space.show({!r})", "['KeyboardInterrupt']"),
        (
            "%load_ext qwen_spaces.notebook\nget_ipython().run_cell_magic('qwen', '-m space', {!r})",
            "['KeyboardInterrupt']",
        ),
        ("reply = await space.show({!r})", "CancelledError"),
    ],
    ids=["last line of a cell", "magic", "awaited"],
)
def test_interrupting_a_kernel_ends_the_job_and_keeps_the_text_so_far(
    code: str, last: str, kernel: Kernel, servers: Servers, prompt: str
) -> None:
    endless = f"{prompt} [[forever]] [[pace=0.01]]"
    request = kernel.client.execute(code.format(endless))
    servers.wait_for("begin", endless)
    time.sleep(0.3)
    kernel.manager.interrupt_kernel()
    servers.wait_for("end", endless)
    (text, note, error), reply = kernel.ended(request)
    assert text.startswith("word1 ")
    assert note == "Interrupted."
    assert last in error
    assert reply["status"] == "error"


def test_a_kernel_goes_on_after_that(kernel: Kernel, prompt: str) -> None:
    outputs, reply = kernel.ended(kernel.client.execute(f"reply = await space.show({prompt!r})\nreply"))
    assert len(outputs) == 1
    assert prompt in outputs[0]
    assert (reply["status"], reply.get("evalue")) == ("ok", None)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_with_its_outputs_and_nothing_of_the_machine(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert all(cell["metadata"] == {} for cell in cells)
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert "error" not in [output["output_type"] for output in outputs]
    assert len(outputs) >= 3
    assert not re.search(r"/(home|root|tmp|work|Users|usr)/|:(?!7860)\d{4,5}\b", json.dumps(outputs))


def test_the_notebooks_are_all_there() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07"]
