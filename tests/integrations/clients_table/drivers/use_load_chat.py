"""`gr.load_chat`: Gradio apps over the gateway, and clients of these apps."""

import gradio as gr
from cells import KEY, MODEL, URL, run
from gradio_client import Client


def submit(prompt, streaming):
    """Give the job of a prompt in an app."""
    app = gr.load_chat(URL, model=MODEL, token=KEY, streaming=streaming)
    _, address, _ = app.launch(prevent_thread_lock=True, quiet=True)
    name = "/open_api_stream" if streaming else "/open_api"
    return Client(address, verbose=False).submit({"text": prompt, "files": []}, api_name=name)


def deltas(prompt):
    before = ""
    for text in submit(prompt, streaming=True):  # each is the whole text so far
        assert text.startswith(before)
        yield text[len(before) :]
        before = text


run(plain=lambda prompt: submit(prompt, streaming=False).result(), streaming=deltas)
