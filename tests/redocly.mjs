// Runs Redocly CLI once for each line of JSON on standard input, and answers with its exit code,
// output and error output. Loading the program takes longer than what it does.

import { readSync } from "node:fs";
import { Readable } from "node:stream";

// Redocly must not touch the real one, which it would make one that nobody can wait for.
Object.defineProperty(process, "stdin", { value: Readable.from([]) });

const PROGRAM = process.argv[2];
const answer = process.stdout.write.bind(process.stdout);
const exit = process.exit;
let runs = 0;

function readLine() {
  const bytes = [];
  const byte = Buffer.alloc(1);
  while (readSync(0, byte) && byte[0] !== 10) bytes.push(byte[0]);
  return Buffer.from(bytes).toString();
}

function capture(stream) {
  const chunks = [];
  stream.write = (chunk, encoding, done = encoding) => {
    chunks.push(String(chunk));
    if (typeof done === "function") done();
    return true;
  };
  return chunks;
}

async function run(args) {
  process.argv = [process.argv[0], PROGRAM, ...args];
  process.exitCode = 0;
  const [out, err] = [capture(process.stdout), capture(process.stderr)];
  const code = await new Promise((resolve) => {
    process.exit = (code) => {
      resolve(code ?? process.exitCode);
      return new Promise(() => {}); // nothing after it is done
    };
    process.removeAllListeners("beforeExit");
    process.once("beforeExit", () => resolve(process.exitCode)); // nothing is left to be done
    import(`${PROGRAM}?${runs++}`); // another address, so that it runs again
  });
  return [code, out.join(""), err.join("")];
}

for (let line = readLine(); line; line = readLine()) {
  answer(JSON.stringify(await run(JSON.parse(line))) + "\n");
}
exit(0);
