/** The scripted conversation: what the agent says to which messages, as pure functions. */

export const TOOL = "tavily_search_results_json";

// As the interrupt guide prints them; it prints no answer for sf, that one is the probe contract's.
const GUIDE = {
  sf: {
    callId: "toolu_01MjNtVJwEcpujRGrf3x6Pih",
    query: "weather in san francisco",
    result:
      '[{"url": ' +
      '"https://www.wunderground.com/hourly/us/ca/san-francisco/KCASANFR2002/date/2024-6-18", ' +
      '"content": "High 64F. Winds W at 10 to 20 mph. A few clouds from time to time. Low 49F. ' +
      "Winds W at 10 to 20 mph. Temp. San Francisco Weather Forecasts. Weather Underground " +
      'provides local & long-range weather ..."}]',
    answer:
      "The search results give a high of 64F and a low of 49F for San Francisco, with winds " +
      "from the west at 10 to 20 mph and a few clouds from time to time. Let me know if you " +
      "need any other details!",
  },
  nyc: {
    callId: "toolu_01KtE1m1ifPLQAx4fQLyZL9Q",
    query: "weather in new york city",
    result:
      '[{"url": "https://www.accuweather.com/en/us/new-york/10021/june-weather/349727", ' +
      '"content": "Get the monthly weather forecast for New York, NY, including daily ' +
      'high/low, historical averages, to help you plan ahead."}]',
    answer:
      "The search results provide weather forecasts and information for New York City. Based " +
      "on the top result from AccuWeather, here are some key details about the weather in NYC:\n" +
      "\n" +
      "* This is a monthly weather forecast for New York City for the month of June.\n" +
      "* It includes daily high and low temperatures to help plan ahead.\n" +
      "* Historical averages for June in NYC are also provided as a reference point.\n" +
      "* More detailed daily or hourly forecasts with precipitation chances, humidity, wind, " +
      "etc. can be found by visiting the AccuWeather page.\n" +
      "\n" +
      "In summary, the search provides a convenient overview of the expected weather " +
      "conditions in New York City over the next month to give you an idea of what to prepare " +
      "for if traveling or making plans there. Let me know if you need any other details!",
  },
};

/** The place of a message that asks for the weather, in lower case; undefined for any other message. */
function placeAskedFor(text) {
  return /weather in ([a-z0-9 .'-]+)/i.exec(text)?.[1].trim().toLowerCase();
}

/** The three texts and the call id of the conversation about `place`, which is in lower case. */
function forecast(place) {
  if (Object.hasOwn(GUIDE, place)) return GUIDE[place];
  return {
    callId: "toolu_" + place.replace(/[^a-z0-9]+/g, "_"),
    query: `weather in ${place}`,
    result: `[{"url": "https://weather.example/${place}", "content": "Clear, 20C in ${place}."}]`,
    answer: `It is clear and 20C in ${place}. Let me know if you need any other details!`,
  };
}

/** What the agent says next in a conversation: the `call` of the tool, or the `tokens` of an answer. */
export function replyTo(messages) {
  const { text, said } = lastTurn(messages);
  const place = placeAskedFor(text);
  if (place === undefined) return { tokens: tokensOf(`You said: ${text}`) };
  const { callId, query, answer } = forecast(place);
  if (said.some((message) => message.type === "ai")) return { tokens: tokensOf(answer) };
  return { call: { id: callId, query } };
}

/** What the tool answers in a conversation whose last human message asks for the weather. */
export function resultFor(messages) {
  return forecast(placeAskedFor(lastTurn(messages).text) ?? "").result;
}

/** Which visit of `node` (`agent` or `tools`) in the last turn is about to begin; 1 for the first. */
export function visit(node, messages) {
  const written = node === "agent" ? "ai" : "tool";
  return 1 + lastTurn(messages).said.filter((message) => message.type === written).length;
}

/** The text of the last human message, and what was said after it. */
function lastTurn(messages) {
  const index = messages.findLastIndex((message) => message.type === "human");
  return { text: index < 0 ? "" : messages[index].text, said: messages.slice(index + 1) };
}

/** The pieces in which an answer is streamed; each keeps its trailing white space. */
function tokensOf(text) {
  return text.match(/\S+\s*/g);
}
