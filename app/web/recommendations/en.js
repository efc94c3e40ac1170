/* In English: recommendations. */

export default {
  recommendationsBy: "Chosen by what this customer did and said, and by what others like.",
  recommendationsAsk: "Recommend",
  recommendationsFor: "Recommended to {customer}",
  recommendationsNone: "Nothing: no item is left that fits.",
  recommendationsDid: "What they did lately",
  recommendationsNothing: "Nothing yet.",
  recommendationsCatalogue: "Catalogue",
  recommendationsEmpty: 'No items yet: an admin sends a table of them to POST /v1/items/import, such as {"text": "id,title,price\\noak-desk,Oak desk,390"}.',
  recommendationsUnavailable: "not available",
  recommendationsFound: { one: "{n} item recommended", other: "{n} items recommended" },
  recommendationsNoted: "Noted for {customer}: {kind}, {title}",
  recommendationsViewed: "Viewed",
  recommendationsAsked: "Asked about",
  recommendationsLiked: "Liked",
  recommendationsBought: "Bought",
  recommendationsComplained: "Complained about",
  recommendationsReturned: "Returned",
  recommendationsRefused: "Refused",
};
