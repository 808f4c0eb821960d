// Compiles, sets up, proves and verifies the program and inputs that come as JSON on standard
// input; prints what each took in seconds, and what was proved.

import fs from "node:fs";

import { initialize } from "zokrates-js";

const { source, inputs } = JSON.parse(fs.readFileSync(0, "utf8"));
const zokrates = (await initialize()).withOptions({ backend: "ark", scheme: "g16", curve: "bn128" });
const found = {};

function timed(name, call) {
    const start = performance.now();
    const made = call();
    found[name] = (performance.now() - start) / 1000;
    return made;
}

const artifacts = timed("compile", () => zokrates.compile(source));
const keys = timed("setup", () => zokrates.setup(artifacts.program));
const proof = timed("prove", () => {
    const { witness, output } = zokrates.computeWitness(artifacts, inputs);
    found.scores = JSON.parse(output);
    return zokrates.generateProof(artifacts.program, witness, keys.pk);
});
found.valid = timed("verify", () => zokrates.verify(keys.vk, proof));
found.constraints = artifacts.constraintCount;
found.memory = process.resourceUsage().maxRSS * 1024;
fs.writeSync(1, JSON.stringify(found));
