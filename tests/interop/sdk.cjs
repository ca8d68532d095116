// What the JavaScript SDK reads and writes, for tests/interop: a request in JSON on each line, an answer on each line.

const { CloudEvent, HTTP, Kafka } = require("cloudevents");
const readline = require("node:readline");

const bytesOf = (text) => (text === null ? null : Buffer.from(text, "base64"));
const textOf = (body) => (body === undefined || body === null ? null : Buffer.from(typeof body === "number" ? String(body) : body).toString("base64"));

// As body parsers and Kafka clients hand it over: text where the content type says so, and bytes where not.
const bodyOf = (headers, body) =>
  body !== null && /json|^text\//.test(headers["content-type"] ?? "") ? body.toString() : (body ?? undefined);

// An event as the SDK holds it, in members like those of the JSON format, which are written here.
function membersOf(event) {
  const { data, ...members } = { ...event };
  if (members.data_base64 === undefined && data !== undefined) members.data = data;
  return members;
}

function eventOf({ data_base64, ...members }) {
  return new CloudEvent(data_base64 === undefined ? members : { ...members, data: new Uint8Array(bytesOf(data_base64)) });
}

function read(mode, headers, body, key) {
  const given = bodyOf(headers, body);
  const message = mode.startsWith("http") ? { headers, body: given } : { headers, key: key ?? undefined, value: given };
  const read = (mode.startsWith("http") ? HTTP : Kafka).toEvent(message);
  return (Array.isArray(read) ? read : [read]).map(membersOf);
}

function write(mode, members) {
  const event = eventOf(members);
  if (mode === "http batched") {
    // The SDK writes no batches: whoever sends one puts it together.
    const body = `[${HTTP.structured(event).body}]`;
    return { headers: { "content-type": "application/cloudevents-batch+json" }, body: textOf(body) };
  }
  const binding = mode.startsWith("http") ? HTTP : Kafka;
  const message = mode.endsWith("binary") ? binding.binary(event) : binding.structured(event);
  const written = Object.entries(message.headers).filter(([, value]) => value !== undefined);
  const headers = Object.fromEntries(written.map(([name, value]) => [name, String(value)]));
  if (binding === HTTP) return { headers, body: textOf(message.body) };
  // Data is left as the program holds it; to send it is to serialise it.
  const { value } = message;
  const isObject = typeof value === "object" && !ArrayBuffer.isView(value);
  return { headers, body: textOf(isObject ? JSON.stringify(value) : value), key: message.key ?? null };
}

function answer(request) {
  try {
    if ("read" in request) return { ok: read(request.read, request.headers, bytesOf(request.body), request.key) };
    return { ok: write(request.write, request.event) };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` }; // The test decides whether it is meant to be.
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
});
