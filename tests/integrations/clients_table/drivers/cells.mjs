// What the Node drivers share: the same questions and checks as in cells.py.
export const MODEL = process.env.QWEN_MODEL ?? "qwen-2.5";
export const [URL, VARIANT] = process.argv.slice(2);
export const KEY = "any";

const QUESTION = "What is a replica? The mark is 7f3a.";
const END = "That is the end of mark 7f3a.";
const CITIES = ["Paris", "Berlin", "Oslo", "Lima"];
const PEOPLE = { Ada: 36, Bob: 41, Cyd: 52, Dan: 63 };
let asked = [];

export function getWeather({ city }) {
  asked.push(city);
  return `18 degrees in ${city}`;
}

const whole = (properties) => ({
  type: "object",
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
});
export const PARAMETERS = whole({ city: { type: "string" } });
export const FUNCTION = { name: "get_weather", description: "Get the weather in a city.", parameters: PARAMETERS };
export const PERSON = whole({ name: { type: "string" }, age: { type: "integer" } });

function require(holds, found) {
  if (!holds) throw new Error(`got ${JSON.stringify(found)}`);
}

const CHECKS = {
  async plain(give) {
    const text = await give(QUESTION);
    require(text.endsWith(END) && text.includes(QUESTION), text);
  },
  async streaming(give) {
    const deltas = [];
    for await (const delta of give(QUESTION)) if (delta) deltas.push(delta);
    const text = deltas.join("");
    require(text.endsWith(END) && text.split(QUESTION).length === 2, text);
    require(deltas.length > 5, deltas);
  },
  async tools(give) {
    for (const city of CITIES) {
      asked = [];
      const text = await give(`What is the weather in ${city}?`);
      require(asked.join() === city, asked);
      require(text.includes(`18 degrees in ${city}`), text);
    }
  },
  async structured(give) {
    for (const [name, age] of Object.entries(PEOPLE)) {
      const found = await give(`Please describe ${name}, who is ${age} years old.`);
      require(found.name === name && found.age === age, found);
    }
  },
};

export async function run(given) {
  for (const [cell, ways] of Object.entries(given)) {
    let problem = "";
    try {
      for (const give of [ways].flat()) await CHECKS[cell](give);
    } catch (error) {
      console.error(error);
      problem = String(error);
    }
    console.log(JSON.stringify({ cell, problem }));
  }
}
