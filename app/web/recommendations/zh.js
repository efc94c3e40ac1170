/* In Chinese: recommendations. */

export default {
  recommendationsBy: "根据该客户做过和说过的，以及其他客户的喜好。",
  recommendationsAsk: "推荐",
  recommendationsFor: "推荐给 {customer}",
  recommendationsNone: "没有：没有其他合适的商品。",
  recommendationsDid: "最近的行为",
  recommendationsNothing: "还没有。",
  recommendationsCatalogue: "商品目录",
  recommendationsEmpty: '还没有商品：请管理员把商品表发送到 POST /v1/items/import，例如 {"text": "id,title,price\\noak-desk,橡木书桌,390"}。',
  recommendationsUnavailable: "暂不可用",
  recommendationsFound: "推荐了 {n} 件商品",
  recommendationsNoted: "已为 {customer} 记录：{kind}，{title}",
  recommendationsViewed: "看过",
  recommendationsAsked: "问过",
  recommendationsLiked: "喜欢",
  recommendationsBought: "已购买",
  recommendationsComplained: "投诉过",
  recommendationsReturned: "退过货",
  recommendationsRefused: "已拒绝",
};
