// Answers the requests that come as JSON on standard input: a list of [name, argument, ...].
// The answer is a list as long, each a {value} or what was thrown as {error}.

import fs from "node:fs";

export async function serve(verbs) {
    const answers = [];
    for (const [name, ...words] of JSON.parse(fs.readFileSync(0, "utf8"))) {
        try {
            answers.push({ value: await verbs[name](...words) });
        } catch (thrown) {
            answers.push({ error: String(thrown?.message ?? thrown) });
        }
    }
    fs.writeSync(1, JSON.stringify(answers));
    process.exit(0);  // snarkjs leaves its threads running
}
