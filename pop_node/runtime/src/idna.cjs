'use strict';

// Stands in for tr46 in whatwg-url. Nearly every host is plain ASCII, where the algorithm is
// lower-casing; the tables (200 kB) are evaluated when the first other host comes along.
exports.toASCII = (domain, options) => {
  if (/^[\x21-\x7E]*$/.test(domain) && !/(^|\.)xn--/i.test(domain)) return domain.toLowerCase();
  return require('tr46').toASCII(domain, options);
};
