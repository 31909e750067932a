// Asks the API with OpenAI's own client and with the Vercel AI SDK, and prints what they got as JSON.
// Arguments: the API's address, a call, a Portuguese recording and a file that is no recording.
import { createOpenAI } from "@ai-sdk/openai";
import { experimental_transcribe as transcribe } from "ai";
import { File } from "node:buffer";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import OpenAI from "openai";

globalThis.File ??= File; // in Node.js 18 it is no global

const [baseURL, call, portuguese, broken] = process.argv.slice(2);
const settings = { baseURL, apiKey: "none" };
const openai = new OpenAI({ ...settings, maxRetries: 0 });
const sdk = createOpenAI(settings);

const ask = (path, options) => openai.audio.transcriptions.create({ file: createReadStream(path), ...options });
const diarized = { model: "diarize", response_format: "diarized_json" };

async function events() {
  const received = [];
  for await (const event of await ask(call, { ...diarized, stream: true })) received.push(event);
  return received;
}

async function refusal() {
  const error = await ask(broken, { model: "pt" }).catch((refused) => refused);
  return { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
}

async function fromSdk(model, path, options = {}) {
  const audio = await readFile(path);
  const providerOptions = { openai: options };
  const made = await transcribe({ model: sdk.transcription(model), audio, providerOptions, maxRetries: 0 });
  return { text: made.text, segments: made.segments, language: made.language, seconds: made.durationInSeconds };
}

const answers = {
  models: (await openai.models.list()).data.map((model) => model.id),
  text: (await ask(portuguese, { model: "pt" })).text,
  whole: await ask(call, diarized),
  events: await events(),
  refusal: await refusal(),
  sdk: await fromSdk("pt", portuguese),
  sdkWithTimes: await fromSdk("whisper-1", portuguese, { timestampGranularities: ["segment"] }),
};
console.log(JSON.stringify(answers));
