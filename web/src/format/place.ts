const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** The country's name; the code itself when it is none we know. */
export function countryName(code: string): string {
  if (!/^[A-Za-z]{2}$/.test(code)) return code;
  return names.of(code.toUpperCase()) ?? code;
}

/** Browser and system in a few words: "Chrome 126, Windows". */
export function device(ua: string): string {
  if (!ua) return 'Unknown';
  // The Hub names what it knows already: "Chrome 141 on Android".
  if (!ua.includes('/')) return ua.replace(' on ', ', ').replace('Mobile Safari', 'Safari').replace('Mac OS X', 'macOS');
  const tool = /^(curl|python-requests|Go-http-client|okhttp|axios|node-fetch|Wget|Java|Apache-HttpClient|aiohttp|Scrapy)[/ ]?([\d.]*)/i.exec(ua);
  if (tool) return [tool[1], tool[2]].filter(Boolean).join(' ');
  const bot = /([A-Za-z-]*(?:bot|crawler|spider)[A-Za-z-]*)/i.exec(ua);
  if (bot?.[1]) return bot[1];
  const browser =
    /(Edg|OPR|SamsungBrowser|Firefox|HeadlessChrome|CriOS|Chrome|Version)\/(\d+)/.exec(ua);
  const word: Record<string, string> = { Edg: 'Edge', OPR: 'Opera', SamsungBrowser: 'Samsung Internet', CriOS: 'Chrome', HeadlessChrome: 'Headless Chrome', Version: 'Safari' };
  // Edge and Opera also say Chrome: the last of them is the truer one.
  const truer = /(Edg|OPR|SamsungBrowser)\/(\d+)/.exec(ua) ?? browser;
  const system = /iPhone/.test(ua) ? 'iPhone' : /iPad/.test(ua) ? 'iPad' : /Android/.test(ua) ? 'Android' : /Windows/.test(ua) ? 'Windows' : /Mac OS X/.test(ua) ? 'macOS' : /CrOS/.test(ua) ? 'ChromeOS' : /Linux/.test(ua) ? 'Linux' : '';
  const b = truer?.[1] ? `${word[truer[1]] ?? truer[1]} ${truer[2]}` : ua.split(/[ /]/)[0] ?? ua;
  return system ? `${b}, ${system}` : b;
}
