// The npm package `openai`: chat completions or Responses.
import OpenAI from "openai";
import { FUNCTION, KEY, MODEL, PERSON, URL, VARIANT, getWeather, run } from "./cells.mjs";

const client = new OpenAI({ baseURL: URL, apiKey: KEY, maxRetries: 0 });
const messages = (prompt) => [{ role: "user", content: prompt }];
const schema = { name: "person", strict: true, schema: PERSON };

const chat = {
  async plain(prompt) {
    const answer = await client.chat.completions.create({ model: MODEL, messages: messages(prompt) });
    return answer.choices[0].message.content;
  },
  async *streaming(prompt) {
    const request = { model: MODEL, messages: messages(prompt), stream: true };
    for await (const chunk of await client.chat.completions.create(request)) yield chunk.choices[0].delta.content;
  },
  async tools(prompt) {
    const run = { ...FUNCTION, function: getWeather, parse: JSON.parse };
    const tools = [{ type: "function", function: run }];
    return client.chat.completions.runTools({ model: MODEL, messages: messages(prompt), tools }).finalContent();
  },
  async structured(prompt) {
    const response_format = { type: "json_schema", json_schema: schema };
    const request = { model: MODEL, messages: messages(prompt), response_format };
    return JSON.parse((await client.chat.completions.parse(request)).choices[0].message.content);
  },
};

const responses = {
  async plain(prompt) {
    return (await client.responses.create({ model: MODEL, input: prompt })).output_text;
  },
  async *streaming(prompt) {
    for await (const event of client.responses.stream({ model: MODEL, input: prompt }))
      if (event.type === "response.output_text.delta") yield event.delta;
  },
  async tools(prompt) {
    const input = messages(prompt);
    const tools = [{ type: "function", strict: false, ...FUNCTION }];
    for (;;) {
      const response = await client.responses.create({ model: MODEL, input, tools });
      const calls = response.output.filter((item) => item.type === "function_call");
      if (!calls.length) return response.output_text;
      input.push(...response.output);
      for (const call of calls) {
        const output = getWeather(JSON.parse(call.arguments));
        input.push({ type: "function_call_output", call_id: call.call_id, output });
      }
    }
  },
  async structured(prompt) {
    const text = { format: { type: "json_schema", ...schema } };
    return JSON.parse((await client.responses.parse({ model: MODEL, input: prompt, text })).output_text);
  },
};

await run(VARIANT === "chat" ? chat : responses);
