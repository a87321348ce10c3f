/**
 * The scripted conversation: the agent's reply to each message, as pure functions.
 *
 * A reply depends on the messages alone. So a run that resumes, retries or starts from an old checkpoint replies as the
 * contract states, and the state shows which messages it was given.
 */

export const TOOL = "tavily_search_results_json";

// The texts of the interrupt guide, https://docs.langchain.com/langsmith/interrupt-concurrent
// The guide prints no answer for sf. That one is from the probe contract.
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

/** Return the place in a message about the weather, in lower case, or undefined for any other message. */
function requestedPlace(text) {
  return /weather in ([a-z0-9 .'-]+)/i.exec(text)?.[1].trim().toLowerCase();
}

/** Return the three texts and the tool call id of the conversation about `place`, which is in lower case. */
function forecast(place) {
  if (Object.hasOwn(GUIDE, place)) return GUIDE[place];
  return {
    callId: "toolu_" + place.replace(/[^a-z0-9]+/g, "_"),
    query: `weather in ${place}`,
    result: `[{"url": "https://weather.example/${place}", "content": "Clear, 20C in ${place}."}]`,
    answer: `It is clear and 20C in ${place}. Let me know if you need any other details!`,
  };
}

/** Return the next message of the agent in a conversation: the `call` of the tool, or the `tokens` of an answer. */
export function replyTo(messages) {
  const { text, turn } = lastTurn(messages);
  const place = requestedPlace(text);
  if (place === undefined) return { tokens: tokensOf(`You said: ${text}`) };
  const { callId, query, answer } = forecast(place);
  if (turn.some((message) => message.type === "ai")) return { tokens: tokensOf(answer) };
  return { call: { id: callId, query } };
}

/** Return the result of the tool in a conversation whose last human message is about the weather. */
export function resultFor(messages) {
  return forecast(requestedPlace(lastTurn(messages).text) ?? "").result;
}

/** Return the number of the visit of `node` (`agent` or `tools`) in the last turn that is about to begin, from 1. */
export function visit(node, messages) {
  // Counted by messages: a counter in the state would not survive a state update or an older checkpoint.
  const written = node === "agent" ? "ai" : "tool";
  return 1 + lastTurn(messages).turn.filter((message) => message.type === written).length;
}

/** Return the text of the last human message, and the messages after it. */
function lastTurn(messages) {
  const index = messages.findLastIndex((message) => message.type === "human");
  return { text: index < 0 ? "" : messages[index].text, turn: messages.slice(index + 1) };
}

/** Return the pieces in which an answer is streamed. Each keeps its trailing white space. */
function tokensOf(text) {
  return text.match(/\S+\s*/g);
}
