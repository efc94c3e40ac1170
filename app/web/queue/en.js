/* What the queue says, in English. */

export default {
  queueAsOf: "As of {at}",
  queueWaiting: "Waiting for a person",
  queueNobody: "Nobody waits.",
  queueHeld: "With a person",
  queueNoneHeld: "No other session is with a person.",
  queueAsked: "asked for a person",
  queuePassed: { one: "{n} message passed on", other: "{n} messages passed on" },
  queueUnanswered: { one: "{n} message without an answer", other: "{n} messages without an answer" },
  queueSince: "with a person since",
};
