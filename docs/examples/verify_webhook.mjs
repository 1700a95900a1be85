// Verify a webhook of ReserveAPI; needs nothing beside Node.js.
//
//     node verify_webhook.mjs SECRET ID TIMESTAMP SIGNATURE < body

import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const TOLERANCE_SECONDS = 300;

// Throws unless the body (a Buffer, as it came) was signed with the secret a moment ago.
// The names of the headers are in lower case, as Node.js has them.
export function verify(secret, headers, body) {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  if (!(age <= TOLERANCE_SECONDS)) throw new Error("The message is too old, or from the future.");
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  // While a secret is changed there are two signatures; one that fits is enough.
  for (const signature of headers["webhook-signature"].split(" ")) {
    const [version, value] = signature.split(",");
    const given = Buffer.from(value ?? "", "base64");
    if (version === "v1" && given.length === expected.length && timingSafeEqual(given, expected)) {
      return;
    }
  }
  throw new Error("The signature is not ours.");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [secret, id, timestamp, signature] = process.argv.slice(2);
  const headers = { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature };
  try {
    verify(secret, headers, readFileSync(0));
  } catch (refused) {
    console.error(refused.message);
    process.exit(1);
  }
  console.log("verified");
}
