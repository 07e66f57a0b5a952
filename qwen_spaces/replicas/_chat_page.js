(options) => {
    // Code, which stays as it is, if it is code to any parser: in a fence, or between backticks on one line that
    // is not of a table, whose cells end in the midst of it.
    const FENCE = /^([ \t]*)(`{3,}|~{3,})[^`\n]*$(?:\n(?:[ \t]*$|\1(?![ \t]*\2).*$))*(?:\n\1[ \t]*\2.*)?/;
    const CODE = /(`+)(?!`)[^\n]*?[^`\n]\3(?!`)/;
    // Formulas, which may hold backticks; escaped characters; the "<" of a tag; the "![" of an image.
    const REST = /\$\$[^]*?\$\$|\\\([^]*?\\\)|\\\[[^]*?\\\]|`+|\\[^]|<|!\[/;
    const PIECE = new RegExp([FENCE, CODE, REST].map((part) => part.source).join("|"), "gm");
    const ESCAPED = { "<": "&lt;", "![": "&#33;[" };
    const IMAGES = { jpg: "jpeg", jpeg: "jpeg", png: "png", gif: "gif", webp: "webp", bmp: "bmp" };

    // HTML becomes text, an image that a text asks for a link, and a drawing its code: nothing is loaded.
    const inert = (text) =>
        text.replace(PIECE, (piece, indent, fence, ticks, offset) => {
            if (fence) return piece.replace(/^([ \t]*.)([`~]+[ \t]*)mermaid/i, "$1$2text");
            const line = text.slice(text.lastIndexOf("\n", offset) + 1).split("\n", 1)[0];
            const isCode = ticks && !line.includes("|");
            return isCode ? piece : piece.replace(/<|!\[/g, (found) => ESCAPED[found]);
        });

    // What QwenLM's demo makes of Markdown, back in Markdown.
    const unescape = (code) =>
        Object.entries(options.escapes).reduce((text, [to, from]) => text.replaceAll(to, from), code);
    const fromHtml = (text) =>
        text
            .replace(/<pre><code class="language-([^"]*)">([^]*?)(<br><\/code><\/pre>|$)/g, (_, kind, code, end) =>
                `\n\`\`\`${kind}${unescape(code.replaceAll("<br>", "\n"))}${end && "\n```"}`)
            .replace(/((?:^|<br>)\|(?:(?!<br>)[^\n])*)<br>(?!\|)/g, "$1<br><br>") // a table ends at an empty line
            .replaceAll("<br>", "\n");

    const asText = (text) => {
        const error = /^<span style="color: var\(--color-red-500\)">([^]*)<\/span>$/.exec(text);
        const plain = error ? `⚠️ ${error[1]}` : options.escapes ? fromHtml(text) : text;
        return { type: "text", text: inert(plain) };
    };

    const asFile = (file) => {
        const kind = IMAGES[file.path.split(".").pop().toLowerCase()];
        const mime_type = file.mime_type ?? (kind ? `image/${kind}` : null);
        return { type: "file", file: { ...file, mime_type }, alt_text: null };
    };

    // The parts of a cell or of a message's content, in any of the Spaces' forms.
    const partsOf = (content) => {
        if (!content) return [];
        if (typeof content === "string") return [asText(content)];
        if (Array.isArray(content)) return content.flatMap(partsOf);
        if (content.component) return [content];
        if (content.path) return [asFile(content)];
        if (content.file) return [asFile(content.file)];
        if (content.type === "tool") return [{ ...asText(content.content), metadata: content.options }];
        return [...(content.files ?? []).flatMap(partsOf), ...partsOf(content.text ?? content.content)];
    };

    // Messages as Gradio's chatbot takes them, of one part each; it shows those of a role together.
    const messagesOf = (role, content) =>
        partsOf(content).map(({ metadata = null, ...part }) => {
            const older = part.type === "text" ? part.text : part;
            return { role, metadata, options: null, content: options.parts ? [part] : older };
        });

    // Of a Space that shows nothing but its latest answer. It grows until `end`, which a failure leaves out.
    const withAnswer = (shown, text, question) => {
        const last = shown.at(-1);
        const asked = JSON.stringify(question);
        if (!text || (last?.ended === text && last.asked === asked)) return shown; // it comes late
        const grows = last && !last.ended && (last.asked === asked || text.startsWith(last.answered));
        const turn = grows
            ? shown.slice(0, -1)
            : [...shown, ...question.flatMap((content) => messagesOf("user", content))];
        const [answer] = messagesOf("assistant", text);
        return [...turn, { ...answer, answered: text, asked: grows ? last.asked : asked }];
    };

    return {
        show: (value) => [
            (value ?? []).flatMap((turn) =>
                Array.isArray(turn)
                    ? [...messagesOf("user", turn[0]), ...messagesOf("assistant", turn[1])]
                    : messagesOf(turn.role, turn.content)),
        ],
        answer: (shown, text, ...question) => [withAnswer(shown ?? [], text, question)],
        end: (shown, text, ...question) => [
            withAnswer(shown ?? [], text, question).map((message) => ({ ...message, ended: text })),
        ],
    };
}
