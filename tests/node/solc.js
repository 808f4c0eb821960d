import solc from "solc";

import { serve } from "./serve.js";

serve({ compile: (input) => JSON.parse(solc.compile(JSON.stringify(input))) });
