/* In English: questions and their answers. */

export default {
  answersQuestion: "Question",
  answersExample: "Which order was late?",
  answersWhose: "In whose memory it is looked for, beside the articles. Left empty: in the articles alone.",
  answersHow: "How it is answered",
  answersSentence: "By a sentence",
  answersModel: "By the model",
  answersAsk: "Ask",
  answersUnstored: "Neither question nor answer is stored.",
  answersAnswer: "Answer",
  answersUnknown: "Not known: nothing that is stored says it.",
  answersBySentence: "The sentence that says most, as it stands there.",
  answersByModel: "In the model’s words, which cite what was found.",
  answersSure: "It is {n} % sure that what was found answers the question.",
  answersUnsure: "What comes near it answers it with {n} % only.",
  answersFault: "The model’s answer was wrong ({fault}); the sentence that says most stands in its place.",
  answersEvidence: "What was found",
  answersSource: "Source {n}",
};
