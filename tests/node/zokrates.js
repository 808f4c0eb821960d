import { initialize } from "zokrates-js";

import { serve } from "./serve.js";

const zokrates = (await initialize()).withOptions({ backend: "ark", scheme: "g16", curve: "bn128" });

serve({ verify: (key, proof) => zokrates.verify(key, proof) });
