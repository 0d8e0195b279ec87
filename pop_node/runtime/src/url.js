import { URL, URLSearchParams } from 'whatwg-url';

import { expose } from './globals.js';

URL.canParse ??= (url, base) => {
  try {
    return Boolean(new URL(url, base));
  } catch {
    return false;
  }
};

expose('URL', URL);
expose('URLSearchParams', URLSearchParams);

export { URL, URLSearchParams };
