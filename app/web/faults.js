/* What was wrong with a model's words, in the reader's: the service says it in English. */

import { known } from "/web/texts.js";

const FAULTS = {
  empty: "faultEmpty", "too long": "faultLong", "cut off": "faultCut", "an error text": "faultError",
  "the prompt itself": "faultPrompt", "of numbers or addresses not said": "faultNamed",
  "without a citation": "faultUncited", "with a citation of nothing": "faultMiscited",
};

export const faultInWords = (fault) => known(FAULTS[fault] ?? "", fault);
