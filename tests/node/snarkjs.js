import path from "node:path";

import * as snarkjs from "snarkjs";

import { serve } from "./serve.js";

// A setup in a folder, for a circuit of at most 2^power rows, public signals' own included.
async function setup(circuit, folder, power) {
    const file = (name) => path.join(folder, name);
    const curve = await snarkjs.curves.getCurveFromName("bn128");
    await snarkjs.powersOfTau.newAccumulator(curve, power, file("0.ptau"));
    await snarkjs.powersOfTau.contribute(file("0.ptau"), file("1.ptau"), "test", "entropy");
    await snarkjs.powersOfTau.preparePhase2(file("1.ptau"), file("2.ptau"));
    await snarkjs.zKey.newZKey(circuit, file("2.ptau"), file("0.zkey"));
    await snarkjs.zKey.contribute(file("0.zkey"), file("1.zkey"), "test", "entropy");
    return {
        uncontributed: await snarkjs.zKey.exportVerificationKey(file("0.zkey")),
        contributed: await snarkjs.zKey.exportVerificationKey(file("1.zkey")),
    };
}

// What a witness is checked with: it tells the logger why one fails, and needs one.
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

serve({
    setup,
    prove: (folder, witness) => snarkjs.groth16.prove(path.join(folder, "1.zkey"), witness),
    verify: (key, values, proof) => snarkjs.groth16.verify(key, values, proof),
    satisfies: (circuit, witness) => snarkjs.wtns.check(circuit, witness, quiet),
    constraints: (circuit) => snarkjs.r1cs.exportJson(circuit),
});
