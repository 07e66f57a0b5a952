"""Run the notebooks and keep their outputs, without what changes from machine to machine.

python -m tests.tools.pictures.refresh [NOTEBOOK ...]
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
HERE = "127.0.0.1:7860"  # what every port becomes


def clean(notebook: Any) -> None:
    for cell in notebook.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            text = json.dumps(cell.outputs)
            cell.outputs = nbformat.from_dict(json.loads(re.sub(r"127\.0\.0\.1:\d+", HERE, text)))
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }


def main() -> None:
    for path in map(Path, sys.argv[1:] or sorted(NOTEBOOKS.glob("*.ipynb"))):
        notebook = nbformat.read(path, as_version=4)
        NotebookClient(notebook, timeout=60, kernel_name="python3", coalesce_streams=True).execute()
        clean(notebook)
        nbformat.write(notebook, path)
        print(path)


if __name__ == "__main__":
    main()
