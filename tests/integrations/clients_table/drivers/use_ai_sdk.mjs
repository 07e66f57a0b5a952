// ai-sdk with its provider for OpenAI (Responses by default) or the one for compatible servers.
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { KEY, MODEL, PARAMETERS, PERSON, URL, VARIANT, getWeather, run } from "./cells.mjs";

const compatible = { name: "qwen", baseURL: URL, apiKey: KEY, supportsStructuredOutputs: true };
const provider = VARIANT === "openai" ? createOpenAI({ baseURL: URL, apiKey: KEY }) : createOpenAICompatible(compatible);
const settings = { model: provider(MODEL), maxRetries: 0 };
const get_weather = tool({
  description: "Get the weather in a city.",
  inputSchema: jsonSchema(PARAMETERS),
  execute: async (given) => getWeather(given),
});
const agent = { ...settings, tools: { get_weather }, stopWhen: stepCountIs(4) };
const output = Output.object({ schema: jsonSchema(PERSON) });

// The second turn of a chat. The gateway keeps nothing, so a message must not refer to an earlier one by its id.
async function secondTurn(prompt) {
  const providerOptions = { openai: { store: false } };
  const messages = [{ role: "user", content: "Hi." }];
  const first = await generateText({ ...settings, messages, providerOptions });
  messages.push(...first.response.messages, { role: "user", content: prompt });
  const { text } = await generateText({ ...settings, messages, providerOptions });
  if (!/turn 2|User: Hi\./.test(text)) throw new Error(text);
  return text;
}

await run({
  plain: [async (prompt) => (await generateText({ ...settings, prompt })).text, secondTurn],
  streaming: (prompt) => streamText({ ...settings, prompt }).textStream,
  tools: [
    async (prompt) => (await generateText({ ...agent, prompt })).text,
    async (prompt) => streamText({ ...agent, prompt }).text,
  ],
  structured: [
    async (prompt) => (await generateText({ ...settings, prompt, output })).output,
    async (prompt) => streamText({ ...settings, prompt, output }).output,
  ],
});
