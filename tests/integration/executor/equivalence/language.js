// A walk through the language: JSON, Intl, regular expressions, sorting, dates, generators, classes.
const sticky = /(\w)(\w+)/gy;
const formats = new Map();
class Counter {
  static #made = 0;
  #n;
  constructor() { this.#n = ++Counter.#made; }
  get n() { return this.#n; }
}
function* fibonacci() { for (let [a, b] = [0n, 1n]; ; [a, b] = [b, a + b]) yield a; }
export default {
  async fetch(request) {
    const locale = ['de-DE', 'fr-FR', 'ja-JP', 'ar-EG'][request.url.length % 4];
    if (!formats.has(locale)) formats.set(locale, new Intl.NumberFormat(locale));
    const numbers = [];
    for (const n of fibonacci()) {
      if (n > 10n ** 30n) break;
      numbers.push(String(n));
    }
    const words = request.url.replace(/\W+/g, ' ').split(' ');
    return Response.json({
      numbers,
      sorted: [...words].sort((a, b) => a.localeCompare(b, 'sv')),
      matched: [...request.url.matchAll(/(?<first>[a-z])(?<rest>[a-z]+)/g)].map((m) => m.groups),
      sticky: [sticky.exec('several words'), sticky.lastIndex, RegExp.$1, RegExp.lastMatch],
      formatted: formats.get(locale).format(1234567.891),
      kept: formats.size,
      date: new Date(Date.UTC(2026, 1, 30, 12)).toISOString(),
      now: [Date.now(), performance.now(), new Date().toISOString()],
      counter: new Counter().n,
      symbol: Symbol.keyFor(Symbol.for('a')),
      nested: JSON.parse(JSON.stringify({ a: [{ b: { c: [1, [2, [3]]] } }], d: '\u2028"\\' })),
      cloned: structuredClone(new Map([['k', new Date(0)]])).get('k'),
      text: new TextDecoder('utf-16le').decode(new Uint8Array([0x61, 0, 0x3D, 0xD8, 0, 0xDE])),
      bytes: [...new TextEncoder().encode('h\u00E9\u20AC')],
      base64: btoa('bytes\xFF'),
      stack: new Error('here').stack,
      url: new URL('../b?c=%20#d', request.url).href,
    }, { headers: { 'x-length': String(words.length), 'set-cookie': 'a=b' } });
  },
};
