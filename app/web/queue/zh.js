/* What the queue says, in Chinese. */

export default {
  queueAsOf: "截至 {at}",
  queueWaiting: "等待人工",
  queueNobody: "没有人在等待。",
  queueHeld: "人工处理中",
  queueNoneHeld: "没有其他会话在由人工处理。",
  queueAsked: "要求人工",
  queuePassed: { other: "转告了 {n} 条消息" },
  queueUnanswered: { other: "{n} 条消息未答复" },
  queueSince: "人工接手于",
};
