/* In Chinese: questions and their answers. */

export default {
  answersQuestion: "问题",
  answersExample: "哪个订单晚了？",
  answersWhose: "除文章外，还在谁的记忆中查找。留空则只查文章。",
  answersHow: "回答方式",
  answersSentence: "用原句",
  answersModel: "由模型",
  answersAsk: "提问",
  answersUnstored: "问题和回答都不会保存。",
  answersAnswer: "回答",
  answersUnknown: "未知：已存内容中没有提到。",
  answersBySentence: "最切题的一句原文。",
  answersByModel: "模型的话，并注明所依据的内容。",
  answersSure: "所找到的内容回答此问题的把握为 {n}%。",
  answersUnsure: "最接近的内容回答此问题的把握仅为 {n}%。",
  answersFault: "模型的回答有误（{fault}），以最切题的一句原文代替。",
  answersEvidence: "找到的依据",
  answersSource: "依据 {n}",
};
